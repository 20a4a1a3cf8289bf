import { HoldfastError, holdfast, on } from "holdfast";
import { createMemoryJournal, type MemoryJournal } from "holdfast/memory";
import { createRandom, createTestApp, type TestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";

/**
 * Seeds of a small world: several instances of one app on one store, whose calls fail before or after their effect, take
 * long, or never answer (the instance has died). Clocks go on together. What handlers have seen is noted apart from the
 * store, and compared with what is committed once all faults are over.
 */
const seeds = process.env["HOLDFAST_VERIFY"] ? 1_500 : 150;

interface World {
  readonly random: () => number;
  /** Faults happen. */
  broken: boolean;
  /** Entity and version, at first sight. */
  readonly seen: string[];
}

const h = holdfast<World>();
const source = h
  .entity("source", {
    initial: () => ({}),
    events: { happened: z.object({ mark: z.string() }) },
    evolve: { happened: (state) => state },
    snapshotEvery: 7,
  })
  .command("happen", {
    input: z.object({ mark: z.string() }),
    decide: (_, input, { events }) => events.happened(input),
  })
  .command("happenLater", {
    input: z.object({ mark: z.string(), ms: z.number() }),
    decide: (_, { mark, ms }, { schedule }) => {
      schedule("later", { afterMs: ms }).happen({ mark });
      return [];
    },
  })
  .command("tell", {
    input: z.object({ mark: z.string() }),
    decide: (_, { mark }, { id, send }) => {
      send(effect, `sent-${id}`).count({ mark });
      return [];
    },
  });
const effect = h
  .entity("effect", {
    initial: () => ({}),
    events: { counted: z.object({ mark: z.string() }) },
    evolve: { counted: (state) => state },
  })
  .command("count", { input: z.object({ mark: z.string() }), decide: (_, input, { events }) => events.counted(input) });

const app = h.app({
  entities: [source, effect],
  subscriptions: [
    h.subscription("effects", {
      to: [on(source.events.happened)],
      maxAttempts: 3,
      concurrency: 4,
      timeoutMs: 60_000,
      handle: async ({ subject, version, data: { mark } }, { call, services: world }) => {
        world.seen.push(`${subject}#${version}`);
        if (mark === "poison") throw new Error("poison");
        if (world.broken && world.random() < 0.1) throw new HoldfastError("down", "Down.", { retry: "later" });
        await call(effect, `of-${subject}`).count({ mark });
        if (world.broken && world.random() < 0.1) throw new HoldfastError("down", "Down.", { retry: "later" });
      },
    }),
  ],
});

/** The store as a distant instance sees it. `alive` false: nothing is answered any more. */
function distant(store: MemoryJournal, world: World, instance: { alive: boolean; started: boolean }): MemoryJournal {
  return new Proxy(store, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (name === "keys" || name === "watch" || typeof method !== "function") return method;
      return async (...args: readonly unknown[]) => {
        // A host whose first calls fail says so and does not start.
        if (!instance.started) return Reflect.apply(method, target, args);
        const { random } = world;
        const fault = (code: string): HoldfastError => new HoldfastError(code, code, { retry: "later" });
        for (let turns = world.broken ? Math.floor(random() * 6) : 0; turns > 0; turns--) await Promise.resolve();
        if (!instance.alive) return new Promise(() => {});
        if (world.broken && random() < 0.04) throw fault("unavailable");
        const result: unknown = await Reflect.apply(method, target, args);
        if (!instance.alive) return new Promise(() => {});
        if (world.broken && random() < 0.04) throw fault("outcome-unknown");
        return result;
      };
    },
  });
}

async function run(seed: number): Promise<void> {
  const random = createRandom(seed);
  const world: World = { random, broken: true, seen: [] };
  const store = createMemoryJournal();
  const instances: { alive: boolean; started: boolean; app: TestApp<MemoryJournal> }[] = [];
  let now = 1_767_225_600_000;
  let started = 0;
  const start = (): void => {
    const state = { alive: true, started: false };
    const journal = distant(store, world, state);
    const instance = createTestApp(app, { journal, services: world, seed: seed * 1_000 + ++started, now });
    state.started = true;
    instances.push(Object.assign(state, { app: instance }));
  };
  const advance = async (ms: number): Promise<void> => {
    now += ms;
    for (const { app, alive } of instances) if (alive) await app.clock.advance(now - app.clock.now());
  };
  start();
  start();
  const marks = { sent: 0, late: 0 };
  for (let step = 0; step < 60; step++) {
    const chance = random();
    const id = `s${Math.floor(random() * 4)}`;
    const at = Math.floor(random() * instances.length);
    const instance = instances[at];
    if (chance < 0.6 && instance) {
      const kind = random();
      const key = `k${step}`;
      const caller = instance.app.call(source, id, { key });
      const mark = random() < 0.08 ? "poison" : `m${step}`;
      const done =
        kind < 0.7
          ? caller.happen({ mark })
          : kind < 0.85
            ? caller.tell({ mark })
            : caller.happenLater({ mark, ms: random() * 20_000 });
      void done.catch(() => {});
      if (kind >= 0.7 && kind < 0.85) marks.sent++;
      if (kind >= 0.85) marks.late++;
      await advance(Math.floor(random() * 50));
    } else if (chance < 0.9) {
      await advance(Math.floor(random() ** 4 * 20_000));
    } else {
      const [gone] = instances.splice(at, 1);
      if (gone) gone.alive = false;
      start();
    }
  }
  world.broken = false;
  for (let i = 0; i < 30; i++) await advance(20_000);
  for (const { app } of instances) await app.delivered();
  await advance(400_000);
  for (const { app } of instances) await app.delivered();
  await check(store, world);
}

async function check(store: MemoryJournal, world: World): Promise<void> {
  const happened: string[] = [];
  const poison: string[] = [];
  const effects = new Map<string, string[]>();
  const told: string[] = [];
  const wanted = new Map<string, string[]>();
  for (const { stream, record } of await store.recordsAfter(0, 100_000)) {
    let version = record.version - count(record.entries, '"type":');
    for (const entry of JSON.parse(record.entries)) {
      for (const message of entry.messages ?? []) told.push(`sent-${stream.id} ${message.input.mark}`);
      for (const { type, data } of entry.events ?? []) {
        version++;
        if (type === "happened") {
          (data.mark === "poison" ? poison : happened).push(`${stream.id}#${version}`);
          if (data.mark !== "poison")
            wanted.set(`of-${stream.id}`, [...(wanted.get(`of-${stream.id}`) ?? []), data.mark]);
        } else effects.set(stream.id, [...(effects.get(stream.id) ?? []), data.mark]);
      }
    }
  }
  const first = [...new Set(world.seen)];
  expect(first.toSorted(), "every event is seen").toEqual([...happened, ...poison].toSorted());
  for (const id of new Set(first.map((seen) => seen.split("#")[0]))) {
    const versions = first.filter((seen) => seen.startsWith(`${id}#`)).map((seen) => Number(seen.split("#")[1]));
    expect(versions, `first sights of ${id} are in order`).toEqual(versions.toSorted((a, b) => a - b));
  }
  for (const [id, marks] of wanted) expect(effects.get(id), `effects of ${id}, once and in order`).toEqual(marks);
  const sent = [...effects].flatMap(([id, marks]) =>
    id.startsWith("sent-") ? marks.map((mark) => `${id} ${mark}`) : [],
  );
  expect(sent.toSorted(), "every message arrives once").toEqual(told.toSorted());
  const dead = await store.dead({ limit: 1_000 });
  expect(dead.every(({ reason }) => reason.message === "poison")).toBe(true);
  expect(dead.length, "poison is dead, once").toBe(poison.length);
  for (const consumer of ["subscription:effects", "sends", "timers"]) {
    const { messages, nextAt, parkedAt } = await store.due(consumer, { now: Infinity, limit: 10 });
    expect([messages, nextAt, parkedAt], `${consumer} has nothing left`).toEqual([[], undefined, undefined]);
  }
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

test(`${seeds} worlds in which everything fails: all arrives, in order, with its effect once`, {
  timeout: 300_000,
}, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
