import { HoldfastError, holdfast, on } from "holdfast";
import type { MemoryJournal } from "holdfast/memory";
import { createRandom, type TestApp } from "holdfast/testing";
import { expect } from "vitest";
import * as z from "zod";
import type { DeadLetterStore } from "../../../src/core/delivery/port.ts";

/**
 * A small world of several instances of one app, whose calls to what they share fail before or after their effect, take
 * long, or never answer (the instance has died). Clocks go on together. What handlers have seen is noted apart from the
 * store, and compared with what is committed once all faults are over.
 */
export interface World {
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

export const app = h.app({
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

/** Whether it lives, and since when its calls may fail. */
export interface Standing {
  alive: boolean;
  started: boolean;
}

/** Something as a distant instance sees it: its calls fail. `alive` false: nothing is answered any more. */
export function distant<T extends object>(store: T, world: World, instance: Standing): T {
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

/** What an instance begins with. */
export interface Instance {
  readonly world: World;
  readonly standing: Standing;
  readonly seed: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Runs a world to its end, all faults over and all at rest. */
export async function runWorld(
  seed: number,
  begin: (instance: Instance) => TestApp | Promise<TestApp>,
): Promise<World> {
  const random = createRandom(seed);
  const world: World = { random, broken: true, seen: [] };
  const instances: { readonly standing: Standing; readonly app: TestApp }[] = [];
  let now = 1_767_225_600_000;
  let started = 0;
  const start = async (): Promise<void> => {
    const standing = { alive: true, started: false };
    const instance = begin({ world, standing, seed: seed * 1_000 + ++started, now });
    // Where it begins at once, only its first calls are spared.
    if (!(instance instanceof Promise)) standing.started = true;
    instances.push({ standing, app: await instance });
    standing.started = true;
  };
  const advance = async (ms: number): Promise<void> => {
    now += ms;
    for (const { app, standing } of instances) if (standing.alive) await app.clock.advance(now - app.clock.now());
  };
  await start();
  await start();
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
      await advance(Math.floor(random() * 50));
    } else if (chance < 0.9) {
      await advance(Math.floor(random() ** 4 * 20_000));
    } else {
      const [gone] = instances.splice(at, 1);
      if (gone) gone.standing.alive = false;
      await start();
    }
  }
  world.broken = false;
  for (let i = 0; i < 30; i++) await advance(20_000);
  for (const { app } of instances) await app.delivered();
  await advance(400_000);
  for (const { app } of instances) await app.delivered();
  return world;
}

/** Compares what was seen and had its effect with what is committed. */
export async function check(
  store: Pick<MemoryJournal, "recordsAfter"> & Pick<DeadLetterStore, "dead">,
  world: World,
): Promise<void> {
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
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
