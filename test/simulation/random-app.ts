import { accept, holdfast, on, reject, type App, type HistoryPage, type Subscription } from "holdfast";
import type { Step, WorldOptions } from "holdfast/simulation";
import { createRandom } from "holdfast/testing";
import * as z from "zod";

const h = holdfast();
const amount = z.object({ n: z.int(), mark: z.string().optional() });

/** Notes that something unusual was done. */
type Seen = (what: string) => void;

/** What newer code may do in another way. */
export interface Changes {
  /** Events `added` of version 2, and an upcaster for those of version 1. */
  readonly upcasts: boolean;
  /** A raised revision, with another `evolve`. */
  readonly evolves: boolean;
  /** Other filters of subscriptions. */
  readonly filters: boolean;
}

const guest = { kind: "user", id: "guest", tenant: "default", claims: {} } as const;
const neighbour = { kind: "user", id: "neighbour", tenant: "acme", claims: {} } as const;

interface State {
  readonly sum: number;
  readonly count: number;
  readonly ticks: number;
  readonly notes: number;
}

/** Nobody ever gets here: whoever sends to it rejects. */
const refusals = h
  .entity("refusals", { initial: () => ({}), events: { refused: amount }, evolve: { refused: (state) => state } })
  .command("refused", { input: amount, decide: (_state, input, { events }) => events.refused(input) });

/** As newer code declares it. */
const addedAnew = (seen: Seen) => ({
  schema: amount.extend({ via: z.string() }),
  version: 2,
  upcast: {
    1: (data: z.infer<typeof amount>) => {
      seen("an event upcast");
      return { ...data, via: "upcast" };
    },
  },
});

/** A counter with something of everything that an entity can do; how it does it, chance decides. */
function createCounter(name: string, random: () => number, isNext: boolean, changes: Changes, seen: Seen) {
  const limit = 20 + Math.floor(random() * 200);
  const upcasts = isNext && changes.upcasts;
  const evolves = isNext && changes.evolves;
  // Whoever reads it needs no more than what both have.
  const added = (upcasts ? addedAnew(seen) : amount) as typeof amount;
  const made = (input: z.infer<typeof amount>) => (upcasts ? { ...input, via: "new" } : input);
  /** Old code does not have what only newer code makes; the types need not know. */
  function known<T extends object>(parts: T): T {
    // Without one of its parts, which nobody uses then.
    return isNext ? parts : (Object.fromEntries(Object.entries(parts).filter(([type]) => type !== "noted")) as T);
  }
  return (
    h
      .entity(name, {
        initial: (): State => ({ sum: 0, count: 0, ticks: 0, notes: 0 }),
        events: known({ added, cleared: z.object({}), ticked: z.object({}), noted: z.object({ n: z.int() }) }),
        evolve: known({
          added: (state: State, { n }: z.infer<typeof amount>) => ({
            ...state,
            sum: state.sum + n,
            count: state.count + 1,
          }),
          cleared: (state: State) => {
            if (!evolves) return { ...state, sum: 0 };
            seen("another evolve");
            return { ...state, sum: 0, count: 0 };
          },
          ticked: (state: State) => ({ ...state, ticks: state.ticks + 1 }),
          noted: (state: State) => ({ ...state, notes: state.notes + 1 }),
        }),
        history: true,
        ...(evolves && { revision: 2 }),
        authorize: ({ id }, { kind }) => {
          if (id !== guest.id || kind !== "command") return true;
          seen("forbidden");
          return false;
        },
        snapshotEvery: 1 + Math.floor(random() ** 2 * 12),
        ...(random() < 0.2 && { startsWith: ["add", "arrive", "count"] }),
      })
      .command("add", {
        input: amount,
        decide: (state, input, { events }) => {
          if (state.sum + input.n > limit) return reject("full", "It is full.");
          const all = [
            events.added(made(input)),
            ...(isNext && input.n % 2 === 0 ? [events.noted({ n: input.n })] : []),
          ];
          return accept(all, { reply: { sum: state.sum + input.n } });
        },
      })
      .command("take", {
        input: amount,
        decide: (state, { n, mark }, { events }) =>
          state.sum < n
            ? reject("empty", "There is not enough.")
            : accept(events.added(made({ n: -n, ...(mark && { mark }) })), { reply: { sum: state.sum - n } }),
      })
      .command("clear", { decide: (state, _, { events }) => (state.sum === 0 ? [] : events.cleared({})) })
      .command("twice", {
        input: amount,
        decide: (_state, input, { events }) => [events.added(made(input)), events.added(made(input))],
      })
      .command("arrive", {
        input: amount,
        remember: true,
        decide: (state, input, { events }) =>
          state.count % 3 === 2 ? reject("third", "Not each third time.") : events.added(made(input)),
      })
      .command("count", {
        input: amount,
        prepare: ({ n }) => n + 1,
        decide: (state, input, { events, prepared }) =>
          state.sum > limit * 10 ? reject("full", "It is full.") : events.added(made({ ...input, n: prepared })),
      })
      .command("tick", { decide: (_state, _, { events }) => events.ticked({}) })
      // What it has sent and scheduled before it says no is nobody's.
      .command("refuse", {
        input: amount,
        remember: random() < 0.5,
        decide: (_state, { n, mark = "none" }, { send, schedule, cancel, id }) => {
          seen("sent and scheduled, then rejected");
          if (n % 2 === 0) schedule(mark, { afterMs: 1_000 }).tick();
          else cancel(mark);
          send(refusals, id).refused({ n });
          return reject("refused", "Never.");
        },
      })
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
      })
  );
}

type Counter = ReturnType<typeof createCounter>;

const filters = [
  undefined,
  { n: { gte: 3 } },
  { mark: ["a", "b"] },
  { mark: { prefix: "a" } },
  { mark: { exists: false } },
] as const;

function changesOf(seed: number): Changes {
  const random = createRandom(seed * 13 + 1);
  return { upcasts: random() < 0.5, evolves: random() < 0.5, filters: random() < 0.5 };
}

/** An app whose shape depends on the seed: how many entities, who listens to whom, with which filters, how patiently. */
export function createRandomApp(
  seed: number,
  isNext = false,
  seen: Seen = () => {},
): { readonly app: App<unknown, undefined>; readonly counters: readonly Counter[] } {
  const random = createRandom(seed * 7 + 3);
  const pick = <T>(options: readonly T[]): T => options[Math.floor(random() * options.length)] as T;
  const changes = changesOf(seed);
  const counters = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) =>
    createCounter(`counter${i + 1}`, random, isNext, changes, seen),
  );
  const total = createCounter("total", random, isNext, changes, seen);
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
    const before = pick(filters);
    const where = isNext && changes.filters ? filters[(filters.indexOf(before) + 1) % filters.length] : before;
    const calls = random() < 0.25 ? 2 : 1;
    const target = pick(["all", "own"]);
    return h.subscription(`listener${i + 1}`, {
      to: where === undefined ? [on(from.events.added), on(from.events.cleared)] : [on(from.events.added, where)],
      from: pick(["now", "beginning"]),
      maxAttempts: 2 + Math.floor(random() * 9),
      concurrency: pick([1, 4, 16]),
      retryFirstMs: pick([10, 500, 2_000]),
      handle: async (event, { call }) => {
        if (isNext && changes.filters) seen("another filter");
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
    app: h.app({ entities: [...counters, total, relay, refusals], subscriptions, workers: [jobs], timers: [often] }),
    counters,
  };
}

/** What clients do with it. @param seen is told of what is unusual, so that tests can tell that it happens */
export function randomWorld(
  seed: number,
  seen: Seen = () => {},
): {
  readonly app: App<unknown, undefined>;
  readonly options: WorldOptions<undefined, undefined>;
} {
  const { app, counters } = createRandomApp(seed, false, seen);
  const random = createRandom(seed * 11 + 5);
  const ids = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, i) => `n${i + 1}`);
  const timers = ["one", "two"];
  return {
    app,
    options: {
      next: createRandomApp(seed, true, seen).app,
      faults: { erase: 0.025 },
      async step(step) {
        const { random, pick, call, view, send, sleep } = step;
        const id = pick(ids);
        const counter = pick(counters);
        const n = Math.floor(random() * 12) - 1;
        const mark = pick(["a", "ab", "b", undefined]);
        const input = { n, ...(mark !== undefined && { mark }) };
        const chance = random();
        const shared = random() < 0.04 ? { key: `shared-${pick([1, 2, 3])}` } : {};
        const known = random() < 0.04 ? { expectedVersion: pick([0, 1, 2, "existing"] as const) } : {};
        const who = random() < 0.03 ? { principal: pick([guest, neighbour]) } : {};
        if (who.principal === neighbour) seen("another tenant");
        const caller = call(counter, id, { ...shared, ...known, ...who });
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
        else if (chance < 0.87) await caller.refuse(input);
        else if (chance < 0.93) await view(counter, id, who);
        else if (chance < 0.95) await readHistory(step, counter, id, seen);
        else await send("jobs", input, random() < 0.5 ? `job-${n}-${mark ?? ""}` : undefined);
      },
      // Each subscription wants one of these, of an entity that nothing waits for.
      async afterwards({ call }) {
        for (const counter of counters) {
          await call(counter, "fresh").add({ n: 4 });
          await call(counter, "fresh").add({ n: 5, mark: "a" });
        }
      },
    },
  };
}

/** Page by page: events come without gaps, from where the page before has ended. */
async function readHistory({ pick, history }: Step, counter: Counter, id: string, seen: Seen): Promise<void> {
  const limit = pick([1, 3, 1_000]);
  for (let after: number | undefined = 0, pages = 0; after !== undefined && pages < 3; pages++) {
    const { events, next }: HistoryPage = await history(counter, id, { after, limit });
    for (const [i, { version }] of events.entries()) {
      if (version !== after + i + 1) throw new Error(`History of ${id}: ${version} follows ${after + i}.`);
    }
    if (events.length > 0) seen("history read");
    after = next;
  }
}
