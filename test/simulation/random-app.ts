import { accept, holdfast, on, reject, type App, type Subscription } from "holdfast";
import type { WorldOptions } from "holdfast/simulation";
import { createRandom } from "holdfast/testing";
import * as z from "zod";

const h = holdfast();
const amount = z.object({ n: z.int(), mark: z.string().optional() });

interface State {
  readonly sum: number;
  readonly count: number;
  readonly ticks: number;
  readonly notes: number;
}

/** A counter with something of everything that an entity can do; how it does it, chance decides. */
function createCounter(name: string, random: () => number, isNext: boolean) {
  const limit = 20 + Math.floor(random() * 200);
  /** Old code does not have what only newer code makes; the types need not know. */
  function known<T extends object>(parts: T): T {
    // Without one of its parts, which nobody uses then.
    return isNext ? parts : (Object.fromEntries(Object.entries(parts).filter(([type]) => type !== "noted")) as T);
  }
  return h
    .entity(name, {
      initial: (): State => ({ sum: 0, count: 0, ticks: 0, notes: 0 }),
      events: known({ added: amount, cleared: z.object({}), ticked: z.object({}), noted: z.object({ n: z.int() }) }),
      evolve: known({
        added: (state: State, { n }: z.infer<typeof amount>) => ({
          ...state,
          sum: state.sum + n,
          count: state.count + 1,
        }),
        cleared: (state: State) => ({ ...state, sum: 0 }),
        ticked: (state: State) => ({ ...state, ticks: state.ticks + 1 }),
        noted: (state: State) => ({ ...state, notes: state.notes + 1 }),
      }),
      snapshotEvery: 1 + Math.floor(random() ** 2 * 12),
      ...(random() < 0.2 && { startsWith: ["add", "arrive", "count"] }),
    })
    .command("add", {
      input: amount,
      decide: (state, input, { events }) => {
        if (state.sum + input.n > limit) return reject("full", "It is full.");
        const made = [events.added(input), ...(isNext && input.n % 2 === 0 ? [events.noted({ n: input.n })] : [])];
        return accept(made, { reply: { sum: state.sum + input.n } });
      },
    })
    .command("take", {
      input: amount,
      decide: (state, { n, mark }, { events }) =>
        state.sum < n
          ? reject("empty", "There is not enough.")
          : accept(events.added({ n: -n, ...(mark && { mark }) }), { reply: { sum: state.sum - n } }),
    })
    .command("clear", { decide: (state, _, { events }) => (state.sum === 0 ? [] : events.cleared({})) })
    .command("twice", {
      input: amount,
      decide: (_state, input, { events }) => [events.added(input), events.added(input)],
    })
    .command("arrive", {
      input: amount,
      remember: true,
      decide: (state, input, { events }) =>
        state.count % 3 === 2 ? reject("third", "Not each third time.") : events.added(input),
    })
    .command("count", {
      input: amount,
      prepare: ({ n }) => n + 1,
      decide: (state, input, { events, prepared }) =>
        state.sum > limit * 10 ? reject("full", "It is full.") : events.added({ ...input, n: prepared }),
    })
    .command("tick", { decide: (_state, _, { events }) => events.ticked({}) })
    .command("later", {
      input: z.object({ name: z.string(), ms: z.int() }),
      decide: (_state, { name, ms }, { schedule }) => {
        schedule(name, { afterMs: ms }).tick();
        return [];
      },
    })
    .command("never", {
      input: z.object({ name: z.string() }),
      decide: (_state, { name }, { cancel }) => {
        cancel(name);
        return [];
      },
    });
}

type Counter = ReturnType<typeof createCounter>;

/** An app whose shape depends on the seed: how many entities, who listens to whom, with which filters, how patiently. */
export function createRandomApp(
  seed: number,
  isNext = false,
): { readonly app: App<unknown, undefined>; readonly counters: readonly Counter[] } {
  const random = createRandom(seed * 7 + 3);
  const pick = <T>(options: readonly T[]): T => options[Math.floor(random() * options.length)] as T;
  const counters = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) =>
    createCounter(`counter${i + 1}`, random, isNext),
  );
  const total = createCounter("total", random, isNext);
  const relay = h
    .entity("relay", {
      initial: () => ({ passed: 0 }),
      events: { passed: amount },
      evolve: { passed: (state) => ({ passed: state.passed + 1 }) },
    })
    .command("pass", {
      input: amount,
      decide: (_state, input, { events, send, id }) => {
        send(total, `of-${id}`).count(input);
        if (input.n % 2 === 0) send(total, "all").twice(input);
        return events.passed(input);
      },
    });
  const subscriptions = Array.from({ length: 1 + Math.floor(random() * 2) }, (_, i): Subscription<undefined> => {
    const from = pick(counters);
    const where = pick([
      undefined,
      { n: { gte: 3 } },
      { mark: ["a", "b"] },
      { mark: { prefix: "a" } },
      { mark: { exists: false } },
    ] as const);
    const calls = random() < 0.25 ? 2 : 1;
    const target = pick(["all", "own"]);
    return h.subscription(`listener${i + 1}`, {
      to: where === undefined ? [on(from.events.added), on(from.events.cleared)] : [on(from.events.added, where)],
      from: pick(["now", "beginning"]),
      maxAttempts: 2 + Math.floor(random() * 9),
      concurrency: pick([1, 4, 16]),
      retryFirstMs: pick([10, 500, 2_000]),
      handle: async (event, { call }) => {
        const id = target === "all" ? "all" : `of-${event.subject}`;
        for (let n = 0; n < calls; n++) await call(total, id).count({ n });
        if (event.version % 5 === 0) await call(relay, id).pass({ n: event.version });
      },
    });
  });
  const jobs = h.worker("jobs", {
    queue: "jobs",
    input: amount,
    ...(random() < 0.5 && { key: ({ n, mark }: z.infer<typeof amount>) => `${n}-${mark}` }),
    maxAttempts: 4,
    handle: async (input, { call }) => void (await call(relay, "jobs").pass(input)),
  });
  const often = h.timer("often", {
    cron: "* * * * *",
    missed: pick(["latest", "skip"]),
    handle: async ({ call }) => void (await call(total, "ticks").tick()),
  });
  return {
    app: h.app({ entities: [...counters, total, relay], subscriptions, workers: [jobs], timers: [often] }),
    counters,
  };
}

/** What clients do with it. */
export function randomWorld(seed: number): {
  readonly app: App<unknown, undefined>;
  readonly options: WorldOptions<undefined, undefined>;
} {
  const { app, counters } = createRandomApp(seed);
  const random = createRandom(seed * 11 + 5);
  const ids = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, i) => `n${i + 1}`);
  const timers = ["one", "two"];
  return {
    app,
    options: {
      next: createRandomApp(seed, true).app,
      async step({ random, pick, call, view, send, sleep }) {
        const id = pick(ids);
        const counter = pick(counters);
        const n = Math.floor(random() * 12) - 1;
        const mark = pick(["a", "ab", "b", undefined]);
        const input = { n, ...(mark !== undefined && { mark }) };
        const chance = random();
        const shared = random() < 0.04 ? { key: `shared-${pick([1, 2, 3])}` } : {};
        const known = random() < 0.04 ? { expectedVersion: pick([0, 1, 2, "existing"] as const) } : {};
        const caller = call(counter, id, { ...shared, ...known });
        if (chance < 0.3) await caller.add(input);
        else if (chance < 0.5) await caller.take(input);
        else if (chance < 0.55) await caller.clear();
        else if (chance < 0.6) await caller.twice(input);
        else if (chance < 0.7) await caller.arrive(input);
        else if (chance < 0.75) await caller.count(input);
        else if (chance < 0.82) {
          const name = pick(timers);
          const ms = Math.floor(random() < 0.5 ? random() * 2_000 : random() ** 2 * 90_000);
          await caller.later({ name, ms });
          if (random() < 0.5) return;
          // Set anew, or cancelled, just when it fires.
          await sleep(ms + Math.floor(random() * 300));
          if (random() < 0.7) await caller.later({ name, ms: 30_000 });
          else await caller.never({ name });
        } else if (chance < 0.85) await caller.never({ name: pick(timers) });
        else if (chance < 0.95) await view(counter, id);
        else await send("jobs", input, random() < 0.5 ? `job-${n}-${mark ?? ""}` : undefined);
      },
    },
  };
}
