import { accept, holdfast, HoldfastError, on, reject, type App, type Subscription } from "holdfast";
import {
  createBrokerTarget,
  createMemoryTarget,
  createOutboxTarget,
  simulate,
  type Step,
  type WorldOptions,
} from "holdfast/simulation";
import { expect, test, vi } from "vitest";
import * as z from "zod";

vi.setConfig({ testTimeout: 300_000 });

// Apps that do what is allowed, however unusual: whoever accuses them is wrong.

const h = holdfast();
const amount = z.object({ n: z.int() });

interface Shape {
  /** What an addition counts for; with another one the revision must be, too. */
  readonly factor?: number;
  readonly revision?: number;
  readonly view?: (sum: number) => unknown;
  readonly decide?: (n: number, now: number) => "add" | "no";
  readonly authorize?: () => boolean;
}

function createSum({ factor = 1, revision = 1, view = (sum) => ({ sum }), decide, authorize }: Shape = {}) {
  return h
    .entity("sum", {
      initial: () => 0,
      events: { added: amount },
      evolve: { added: (sum, { n }) => sum + factor * n },
      view,
      revision,
      snapshotEvery: 3,
      ...(authorize && { authorize }),
    })
    .command("add", {
      input: amount,
      decide: (sum, { n }, { events, now }) =>
        decide?.(n, now) === "no"
          ? reject("over", "It is over.")
          : accept(events.added({ n }), { reply: { n, was: sum !== 0 } }),
    });
}

const sum = createSum();

async function step({ pick, random, call, view }: Step): Promise<void> {
  const id = pick(["a", "b", "c"]);
  if (random() < 0.3) await view(sum, id);
  else await call(sum, id).add({ n: Math.floor(10 * random()) });
}

async function passes(app: App<unknown, undefined>, options: Partial<WorldOptions> = {}): Promise<void> {
  for (const [target, seeds] of [
    [createMemoryTarget, 12],
    [createBrokerTarget, 8],
    [createOutboxTarget, 4],
  ] as const) {
    const report = await simulate(app, { clients: 6, steps: 6, seeds, shrinkMax: 0, step, target, ...options });
    expect(report.requests).toBeGreaterThan(100);
  }
}

const appOf = (
  entity: ReturnType<typeof createSum>,
  subscriptions: readonly Subscription<undefined>[] = [],
): App<unknown, undefined> => h.app({ entities: [entity], subscriptions });

test("a decision may depend on the time", async () => {
  const over = Date.UTC(2026, 0, 1) + 2_000;
  await passes(appOf(createSum({ decide: (_n, now) => (now < over ? "add" : "no") })));
  await passes(appOf(createSum({ decide: (n, now) => ((now + n) % 7 < 5 ? "add" : "no") })));
});

test("newer code may bring a subscription, and one may ask for more", async () => {
  const listener = (name: string, least: number, from: "now" | "beginning"): Subscription<undefined> =>
    h.subscription(name, { to: [on(sum.events.added, { n: { gte: least } })], from, handle: () => {} });
  const next = [listener("old", 2, "now"), listener("fresh", 3, "now"), listener("all", 3, "beginning")];
  await passes(appOf(sum, [listener("old", 6, "now")]), { next: appOf(sum, next), faults: { deploy: 1 } });
});

test("newer code may show another view, and fold otherwise under another revision", async () => {
  const faults = { deploy: 1 };
  await passes(appOf(sum), { next: appOf(createSum({ view: (sum) => `sum: ${sum}` })), faults });
  await passes(appOf(sum), { next: appOf(createSum({ factor: 2, revision: 2 })), faults });
});

test("whoever is not allowed to is refused, and so is what is no id", async () => {
  await passes(appOf(createSum({ authorize: () => false })));
  await passes(appOf(sum), { step: ({ call }) => call(sum, "").add({ n: 1 }) });
});

test("what is no key is refused", async () => {
  await passes(appOf(sum), { step: ({ call }) => call(sum, "a", { key: "k".repeat(300) }).add({ n: 1 }) });
});

test("a handler may run out of time until its event is dead", async () => {
  const slow = h.subscription("slow", {
    to: [on(sum.events.added)],
    timeoutMs: 200,
    maxAttempts: 2,
    handle: () => new Promise<void>(() => {}),
  });
  await passes(appOf(sum, [slow]));
});

test("a handler may leave a call alone that fails for good", async () => {
  const careless = h.subscription("careless", {
    to: [on(sum.events.added, { n: { gte: 7 } })],
    handle: (_event, { call }) => void call(sum, "").add({ n: 1 }),
  });
  await passes(appOf(sum, [careless]));
});

test("causes may share what they do: a handler's own key, a worker's", async () => {
  const once = h.subscription("once", {
    to: [on(sum.events.added, { n: { gte: 5 } })],
    handle: async ({ subject }, { call }) =>
      void (await call(sum, "firsts", { key: `first-${subject}` }).add({ n: 1 })),
  });
  const jobs = h.worker("jobs", {
    queue: "jobs",
    input: amount,
    key: ({ n }) => `job-${n}`,
    handle: async ({ n }, { call }) => void (await call(sum, "jobs").add({ n })),
  });
  await passes(h.app({ entities: [sum], subscriptions: [once], workers: [jobs] }), {
    step: async (given) => {
      await step(given);
      await given.send("jobs", { n: given.pick([1, 2, 3]) });
    },
  });
});

test("a handler may look over failures, and fail itself for good", async () => {
  const calm = h.subscription("calm", {
    to: [on(sum.events.added, { n: { gte: 3 } })],
    handle: async ({ data }, { call }) => {
      await call(sum, "")
        .add({ n: 1 })
        .catch(() => {});
      if (data.n === 9) throw new HoldfastError("nine", "Not nine.", { retry: "never" });
    },
  });
  await passes(appOf(sum, [calm]));
});

test("a timer may be rare, and skip what it misses", async () => {
  const timers = (["latest", "skip"] as const).flatMap((missed) =>
    ["* * * * *", "7 * * * *", "0 3 * * *"].map((cron, i) =>
      h.timer(`${missed}-${i}`, {
        cron,
        missed,
        handle: async ({ call }) => void (await call(sum, "ticks").add({ n: 1 })),
      }),
    ),
  );
  await passes(h.app({ entities: [sum], timers }));
});
