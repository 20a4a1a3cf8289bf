import { HoldfastError, on } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { counter, h, later, newServices, total, totals } from "./fixtures.ts";

const minute = 60_000;

describe("subscriptions", () => {
  const app = h.app({ entities: [counter, total], subscriptions: [totals] });

  test("an event reaches its handler, and what that calls takes effect once", async () => {
    const services = newServices();
    const run = createTestApp(app, { services });
    await run.call(counter, "a").add({ n: 2 });
    await run.call(counter, "b").add({ n: 3 });
    await run.delivered();
    expect(services.seen).toEqual(["a#1", "b#1"]);
    await run.delivered();
    expect(await run.view({ entity: "total", id: "all", principal: system })).toMatchObject({
      view: { sum: 5, count: 2 },
    });
  });

  test("a failed event is tried again before its entity's next one, while others overtake it", async () => {
    let failing = true;
    const services = newServices((what) => {
      if (what.startsWith("a#1") && failing) throw new Error("no");
    });
    const run = createTestApp(app, { services });
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    await run.call(counter, "a").add({ n: 2 });
    await run.call(counter, "b").add({ n: 4 });
    await run.delivered();
    expect(services.seen).toEqual(["a#1", "b#1"]);
    failing = false;
    await run.clock.advance(1_000);
    await run.delivered();
    expect(services.seen).toEqual(["a#1", "b#1", "a#1", "a#2"]);
    await run.call(counter, "a").add({ n: 8 });
    await run.delivered();
    expect(services.seen.at(-1)).toBe("a#3");
    expect(await sumOf(run)).toEqual({ sum: 15, count: 4 });
  });

  test("poison becomes a dead letter after maxAttempts, and the entity's later events go on", async () => {
    const services = newServices((what) => {
      if (what.startsWith("a#2")) throw new Error("poison");
    });
    const run = createTestApp(app, { services });
    for (const n of [1, 2, 3]) await run.call(counter, "a").add({ n });
    await run.delivered();
    await run.clock.advance(5 * minute);
    await run.delivered();
    expect(services.seen).toEqual(["a#1", "a#2", "a#2", "a#2", "a#3"]);
    expect(await sumOf(run)).toEqual({ sum: 4, count: 2 });
    const dead = await run.journal.dead({ limit: 10 });
    expect(dead).toMatchObject([
      {
        consumer: "subscription:totals",
        stream: { id: "a" },
        sequence: 2,
        n: 1,
        failures: { attempts: 3 },
        reason: { code: "Error", message: "poison" },
      },
    ]);
  });

  test("a redriven dead letter is handled again at its own subscription only", async () => {
    let poison = true;
    const other: string[] = [];
    const both = h.app({
      entities: [counter, total],
      subscriptions: [
        totals,
        h.subscription("other", { to: [on(counter.events.added)], handle: ({ subject }) => void other.push(subject) }),
      ],
    });
    const services = newServices((what) => {
      if (what.startsWith("a#1") && poison) throw new HoldfastError("bad", "Never.");
    });
    const run = createTestApp(both, { services });
    await run.call(counter, "a").add({ n: 5 });
    await run.delivered();
    expect(services.seen).toEqual(["a#1"]);
    poison = false;
    const [dead] = await run.journal.dead({ limit: 1 });
    expect(await run.journal.redrive([dead?.id ?? 0], run.clock.now())).toBe(1);
    await run.delivered();
    expect(services.seen).toEqual(["a#1", "a#1"]);
    expect(other).toEqual(["a"]);
    expect(await sumOf(run)).toEqual({ sum: 5, count: 1 });
    expect(await run.journal.dead({ limit: 1 })).toEqual([]);
  });

  test("an outage of an hour counts as no attempt and dead-letters nothing", async () => {
    let down = true;
    const services = newServices(() => {
      if (down) throw later();
    });
    const run = createTestApp(app, { services });
    await run.call(counter, "a").add({ n: 5 });
    await run.delivered();
    for (let i = 0; i < 60; i++) {
      await run.clock.advance(minute);
      await run.delivered();
    }
    expect(services.seen.length).toBeGreaterThan(12);
    expect(await run.journal.dead({ limit: 1 })).toEqual([]);
    down = false;
    await run.clock.advance(5 * minute);
    await run.delivered();
    expect(await sumOf(run)).toEqual({ sum: 5, count: 1 });
  });

  test("an outage longer than maxAgeMs ends as a dead letter", async () => {
    const services = newServices(() => {
      throw later();
    });
    const run = createTestApp(app, { services });
    await run.call(counter, "a").add({ n: 5 });
    await run.delivered();
    await run.clock.advance(4 * 24 * 60 * minute);
    await run.delivered();
    expect(await run.journal.dead({ limit: 1 })).toMatchObject([{ reason: { code: "down" } }]);
  });

  test("a restart goes on where the cursor stands, parked entities included", async () => {
    const journal = createMemoryJournal();
    const failing = newServices((what) => {
      if (what.startsWith("a#1")) throw new Error("no");
    });
    const one = createTestApp(app, { journal, services: failing });
    for (const n of [1, 2]) await one.call(counter, "a").add({ n });
    await one.call(counter, "b").add({ n: 4 });
    await one.delivered();
    expect(failing.seen).toEqual(["a#1", "b#1"]);
    await one.close();
    const services = newServices();
    const two = createTestApp(app, { journal, services, seed: 2, now: one.clock.now() + minute });
    await two.delivered();
    expect(services.seen).toEqual(["a#1", "a#2"]);
    expect(await sumOf(two)).toEqual({ sum: 7, count: 3 });
  });

  test("of two instances one delivers at a time, and the other takes over when its lease ends", async () => {
    const journal = createMemoryJournal();
    const services = newServices();
    const one = createTestApp(app, { journal, services });
    const idle = newServices();
    const two = createTestApp(app, { journal, services: idle, seed: 2 });
    await one.call(counter, "a").add({ n: 1 });
    await one.delivered();
    await two.delivered();
    expect([services.seen, idle.seen]).toEqual([["a#1"], []]);
    // The first stands still: its clock does not move, nobody renews its lease.
    await two.clock.advance(11_000);
    await two.call(counter, "a").add({ n: 2 });
    await two.delivered();
    expect(idle.seen).toContain("a#2");
    expect(await sumOf(two)).toEqual({ sum: 3, count: 2 });
  });

  test("what a process does that is no longer the owner leaves no trace", async () => {
    const journal = createMemoryJournal();
    let release = (): void => {};
    const slow = newServices(() => new Promise((resolve) => void (release = resolve)));
    const one = createTestApp(app, { journal, services: slow });
    await one.call(counter, "a").add({ n: 1 });
    const waiting = one.delivered();
    await one.clock.advance(0);
    expect(slow.seen).toEqual(["a#1"]);
    const services = newServices();
    const two = createTestApp(app, { journal, services, seed: 2, now: one.clock.now() + 11_000 });
    await two.delivered();
    expect(services.seen).toEqual(["a#1"]);
    release();
    await one.clock.advance(4_000);
    await waiting;
    expect(await journal.dead({ limit: 1 })).toEqual([]);
    expect(await sumOf(two)).toEqual({ sum: 1, count: 1 });
    await two.call(counter, "a").add({ n: 2 });
    await two.delivered();
    expect(services.seen).toEqual(["a#1", "a#2"]);
  });

  test("a new subscription begins now, or with the first event ever", async () => {
    const journal = createMemoryJournal();
    const before = createTestApp(h.app({ entities: [counter, total] }), { journal, services: newServices() });
    await before.call(counter, "a").add({ n: 1 });
    await before.close();
    const seen: string[] = [];
    const both = h.app({
      entities: [counter, total],
      subscriptions: (["now", "beginning"] as const).map((from) =>
        h.subscription(from, {
          from,
          to: [on(counter.events.added)],
          handle: (event) => void seen.push(`${from} ${event.version}`),
        }),
      ),
    });
    const after = createTestApp(both, { journal, services: newServices(), seed: 2 });
    await after.call(counter, "a").add({ n: 2 });
    await after.delivered();
    expect(seen.toSorted()).toEqual(["beginning 1", "beginning 2", "now 2"]);
  });

  test("filters decide, and one event that two filters let through is delivered once", async () => {
    const seen: string[] = [];
    const filtered = h.app({
      entities: [counter],
      subscriptions: [
        h.subscription("filtered", {
          to: [on(counter.events.added, { tag: "x" }), on(counter.events.added, { n: { gte: 10 } })],
          handle: ({ data }) => void seen.push(`${data.n}${data.tag ?? ""}`),
        }),
      ],
    });
    const run = createTestApp(filtered, { services: newServices() });
    await run.call(counter, "a").add({ n: 1 });
    await run.call(counter, "a").add({ n: 2, tag: "x" });
    await run.call(counter, "a").add({ n: 11, tag: "x" });
    await run.call(counter, "a").add({ n: 12, tag: 'a "type":"added" b' });
    await run.call(counter, "a").clear();
    await run.delivered();
    expect(seen).toEqual(["2x", "11x", '12a "type":"added" b']);
  });

  test("what was erased is not delivered any more", async () => {
    let failing = true;
    const services = newServices(() => {
      if (failing) throw new Error("no");
    });
    const run = createTestApp(app, { services });
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    await run.erase({ entity: "counter", id: "a", principal: system });
    failing = false;
    await run.clock.advance(minute);
    await run.delivered();
    expect(services.seen).toEqual(["a#1"]);
    expect(await run.journal.dead({ limit: 1 })).toEqual([]);
  });

  test("a cache of events that newer code wrote waits for that code", async () => {
    const journal = createMemoryJournal();
    const newer = h
      .entity("counter", {
        initial: () => ({}),
        events: {
          added: {
            schema: z.object({ m: z.number() }),
            version: 2,
            upcast: { 1: ({ n }: { n: number }) => ({ m: n }) },
          },
        },
        evolve: { added: (state) => state },
      })
      .command("add", { input: z.object({ m: z.number() }), decide: (_, input, { events }) => events.added(input) });
    const writer = createTestApp(h.app({ entities: [newer] }), { journal, services: newServices() });
    await writer.call(newer, "a").add({ m: 1 });
    await writer.close();
    const services = newServices();
    const older = createTestApp(app, { journal, services, seed: 2 });
    await older.delivered();
    await older.clock.advance(60 * minute);
    await older.delivered();
    expect(services.seen).toEqual([]);
    expect(await journal.dead({ limit: 1 })).toEqual([]);
    await older.close();
    const seen: number[] = [];
    const newest = h.app({
      entities: [newer],
      subscriptions: [
        h.subscription("totals", { to: [on(newer.events.added)], handle: ({ data }) => void seen.push(data.m) }),
      ],
    });
    const run = createTestApp(newest, { journal, services, seed: 3, now: older.clock.now() });
    await run.clock.advance(5 * minute);
    await run.delivered();
    expect(seen).toEqual([1]);
  });
});

describe("handlers", () => {
  const handling = (
    handle: Parameters<typeof h.subscription>[1]["handle"],
    options: { timeoutMs?: number; maxAttempts?: number } = {},
  ) =>
    h.app({
      entities: [counter, total],
      subscriptions: [h.subscription("s", { to: [on(counter.events.added)], handle, ...options })],
    });

  test("rejections are returned, and answered alike at every attempt", async () => {
    const results: unknown[] = [];
    let failing = true;
    const run = createTestApp(
      handling(async (_, { call }) => {
        results.push(await call(total, "t").count({ n: 13 }));
        if (failing) throw new Error("after it");
      }),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    failing = false;
    await run.clock.advance(minute);
    await run.delivered();
    expect(results).toMatchObject([
      { ok: false, code: "unlucky", replayed: false },
      { ok: false, code: "unlucky", replayed: true },
    ]);
  });

  test("equal calls within one run are told apart by their order", async () => {
    let failing = true;
    const run = createTestApp(
      handling(async (_, { call }) => {
        for (let i = 0; i < 3; i++) await call(total, "all").count({ n: 1 });
        if (failing) throw new Error("after it");
      }),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    failing = false;
    await run.clock.advance(minute);
    await run.delivered();
    expect(await sumOf(run)).toEqual({ sum: 3, count: 3 });
  });

  test("another call under the same key is refused: handler-not-deterministic", async () => {
    let n = 0;
    const run = createTestApp(
      handling(async (_, { call }) => {
        await call(total, "all").count({ n: ++n });
        throw new Error("after it");
      }),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    await run.clock.advance(minute);
    await run.delivered();
    expect(await run.journal.dead({ limit: 9 })).toMatchObject([{ reason: { code: "handler-not-deterministic" } }]);
    expect(await sumOf(run)).toEqual({ sum: 1, count: 1 });
  });

  test("a given key makes calls of different events one", async () => {
    const run = createTestApp(
      handling(async (_, { call }) => void (await call(total, "all", { key: "once" }).count({ n: 7 }))),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.call(counter, "b").add({ n: 2 });
    await run.delivered();
    expect(await sumOf(run)).toEqual({ sum: 7, count: 1 });
  });

  test("one that hangs is cut off, counted, and cannot call any more", async () => {
    const codes: unknown[] = [];
    let signalled = false;
    const run = createTestApp(
      handling(
        async (_, { call, signal }) => {
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          signalled = true;
          await call(total, "all")
            .count({ n: 1 })
            .catch((error: HoldfastError) => codes.push(error.code));
        },
        { timeoutMs: 1_000, maxAttempts: 2 },
      ),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.clock.advance(10_000);
    await run.delivered();
    expect(signalled).toBe(true);
    expect(codes).toEqual(["handler-finished", "handler-finished"]);
    expect(await run.journal.dead({ limit: 9 })).toMatchObject([
      { reason: { code: "handler-timed-out" }, failures: { attempts: 2 } },
    ]);
    expect(await sumOf(run)).toEqual({ sum: 0, count: 0 });
  });

  test("one that throws what is no error, or swallows an open outcome, is tried again", async () => {
    const thrown: unknown[] = ["a string", undefined, { odd: 1n }];
    const run = createTestApp(
      handling(() => {
        if (thrown.length > 0) throw thrown.shift();
      }),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.clock.advance(minute);
    await run.delivered();
    expect(thrown).toEqual([]);
    expect(await run.journal.dead({ limit: 9 })).toEqual([]);
  });

  test("calls that are not awaited are waited for", async () => {
    const run = createTestApp(
      handling((_, { call }) => void call(total, "all").count({ n: 1 })),
      { services: newServices() },
    );
    await run.call(counter, "a").add({ n: 1 });
    await run.delivered();
    expect(await sumOf(run)).toEqual({ sum: 1, count: 1 });
  });

  test("at most `concurrency` run at once, one per entity", async () => {
    const running = new Set<string>();
    let most = 0;
    const overlaps: string[] = [];
    const app = h.app({
      entities: [counter],
      subscriptions: [
        h.subscription("s", {
          to: [on(counter.events.added)],
          concurrency: 3,
          handle: async ({ subject }) => {
            if (running.has(subject)) overlaps.push(subject);
            running.add(subject);
            most = Math.max(most, running.size);
            for (let i = 0; i < 500; i++) await Promise.resolve();
            running.delete(subject);
          },
        }),
      ],
    });
    const run = createTestApp(app, { services: newServices() });
    for (let i = 0; i < 40; i++) await run.call(counter, `c${i % 8}`).add({ n: i });
    await run.delivered();
    expect([most, overlaps]).toEqual([3, []]);
  });
});

describe("sends", () => {
  test("what decide sends arrives once, as a command of the other entity", async () => {
    const run = createTestApp(h.app({ entities: [counter, total] }), { services: newServices() });
    await run.call(counter, "a").addAndTell({ n: 2, to: "all" });
    await run.call(counter, "b").addAndTell({ n: 3, to: "all" });
    await run.delivered();
    expect(await sumOf(run)).toEqual({ sum: 5, count: 2 });
  });

  test("what is sent to an erased entity is dead-lettered, and the sender's next message goes on", async () => {
    const run = createTestApp(h.app({ entities: [counter, total] }), { services: newServices() });
    await run.call(total, "gone").count({ n: 1 });
    await run.erase({ entity: "total", id: "gone", principal: system });
    await run.call(counter, "a").addAndTell({ n: 2, to: "gone" });
    await run.call(counter, "a").addAndTell({ n: 3, to: "all" });
    await run.delivered();
    expect(await run.journal.dead({ limit: 9 })).toMatchObject([{ consumer: "sends", reason: { code: "erased" } }]);
    expect(await sumOf(run)).toEqual({ sum: 3, count: 1 });
  });
});

describe("timers of an entity", () => {
  const app = h.app({ entities: [counter, total] });
  const sum = async (run: { view: ReturnType<typeof createTestApp>["view"] }, id = "a") =>
    (await run.view({ entity: "counter", id, principal: system })).view;

  test("a timer runs its command once when it is due", async () => {
    const run = createTestApp(app, { services: newServices() });
    await run.call(counter, "a").addLater({ n: 5, ms: 10_000 });
    await run.delivered();
    await run.clock.advance(9_999);
    await run.delivered();
    expect(await sum(run)).toEqual({ sum: 0 });
    await run.clock.advance(1);
    await run.delivered();
    expect(await sum(run)).toEqual({ sum: 5 });
    await run.clock.advance(minute);
    await run.delivered();
    expect(await sum(run)).toEqual({ sum: 5 });
  });

  test("the same name replaces: for later it fires later, for earlier it fires earlier", async () => {
    const run = createTestApp(app, { services: newServices() });
    await run.call(counter, "a").addLater({ n: 1, ms: 10_000 });
    await run.call(counter, "a").addLater({ n: 2, ms: 20_000 });
    await run.call(counter, "b").addLater({ n: 1, ms: 20_000 });
    await run.delivered();
    await run.call(counter, "b").addLater({ n: 4, ms: 5_000 });
    await run.delivered();
    await run.clock.advance(6_000);
    await run.delivered();
    expect(await sum(run, "b")).toEqual({ sum: 4 });
    await run.clock.advance(6_000);
    await run.delivered();
    expect(await sum(run)).toEqual({ sum: 0 });
    await run.clock.advance(10_000);
    await run.delivered();
    expect([await sum(run), await sum(run, "b")]).toEqual([{ sum: 2 }, { sum: 4 }]);
  });

  test("a cancelled timer does nothing", async () => {
    const run = createTestApp(app, { services: newServices() });
    await run.call(counter, "a").addLater({ n: 1, ms: 1_000 });
    await run.call(counter, "a").stopTimer();
    await run.clock.advance(minute);
    await run.delivered();
    expect(await sum(run)).toEqual({ sum: 0 });
  });

  test("a timer whose command is rejected is over", async () => {
    const run = createTestApp(app, { services: newServices() });
    await run.call(counter, "a").addLater({ n: -1, ms: 1_000 });
    await run.clock.advance(minute);
    await run.delivered();
    expect(await run.timer({ entity: "counter", id: "a", principal: system }, "later")).toBeUndefined();
    expect(await run.journal.dead({ limit: 1 })).toEqual([]);
  });

  test("timers survive a restart, and fire however late", async () => {
    const journal = createMemoryJournal();
    const one = createTestApp(app, { journal, services: newServices() });
    await one.call(counter, "a").addLater({ n: 3, ms: 1_000 });
    await one.close();
    const two = createTestApp(app, {
      journal,
      services: newServices(),
      seed: 2,
      now: one.clock.now() + 30 * 86_400_000,
    });
    await two.delivered();
    expect(await sum(two)).toEqual({ sum: 3 });
  });
});

describe("workers", () => {
  const Row = z.object({ id: z.string(), n: z.number() });
  const worker = h.worker("imports", {
    queue: "imports",
    input: Row,
    key: (row) => row.id,
    authorize: (row) => row.n < 100,
    handle: async (row, { call, services, message }) => {
      services.seen.push(`${row.id} ${message.id}`);
      await call(total, "all").count({ n: row.n });
    },
  });
  const app = h.app({ entities: [total], workers: [worker] });

  test("equal keys have one effect, whichever message brings them", async () => {
    const services = newServices();
    const run = createTestApp(app, { services });
    await run.send("imports", { id: "r1", n: 1 }, { id: "m1" });
    await run.send("imports", { id: "r1", n: 1 }, { id: "m2" });
    await run.delivered();
    await run.clock.advance(86_400_000);
    await run.send("imports", { id: "r1", n: 1 }, { id: "m3" });
    await run.delivered();
    expect(services.seen).toEqual(["r1 m1", "r1 m2", "r1 m3"]);
    expect(await sumOf(run)).toEqual({ sum: 1, count: 1 });
  });

  test("what is malformed or not allowed is dead-lettered with the reason", async () => {
    const run = createTestApp(app, { services: newServices() });
    await run.send("imports", { id: "r1" });
    await run.send("imports", { id: "r2", n: 100 });
    await run.journal.send("queue:imports", [{ name: "m", body: "{not json", created: run.clock.now() }]);
    await run.delivered();
    const dead = await run.journal.dead({ consumer: "queue:imports", limit: 9 });
    expect(dead.map(({ reason }) => reason.code)).toEqual(["validation-failed", "forbidden", "malformed-json"]);
    expect(dead[2]?.body).toBe("{not json");
    await expect(run.send("imports", "x".repeat(300_000))).rejects.toMatchObject({ code: "message-too-large" });
  });
});

describe("cron timers", () => {
  const ticking = (
    options: { missed?: "latest" | "skip"; cron?: string; zone?: string; fails?: () => boolean } = {},
  ) => {
    const { fails = () => false, cron = "0 * * * *", ...rest } = options;
    return h.app({
      entities: [total],
      timers: [
        h.timer("hourly", {
          cron,
          ...rest,
          maxAttempts: 2,
          handle: async ({ tick, services, call }) => {
            services.seen.push(new Date(tick).toISOString().slice(5, 16));
            await call(total, "all").count({ n: 1 });
            if (fails()) throw new Error("no");
          },
        }),
      ],
    });
  };
  const hour = 60 * minute;

  test("a tick happens once, with two instances too", async () => {
    const journal = createMemoryJournal();
    const services = newServices();
    const one = createTestApp(ticking(), { journal, services });
    const two = createTestApp(ticking(), { journal, services, seed: 2 });
    for (let i = 0; i < 6; i++) {
      await Promise.all([one.clock.advance(hour / 2), two.clock.advance(hour / 2)]);
      await one.delivered();
      await two.delivered();
    }
    expect(services.seen).toEqual(["01-01T01:00", "01-01T02:00", "01-01T03:00"]);
    expect(await sumOf(one)).toEqual({ sum: 3, count: 3 });
  });

  test.each([
    ["latest", ["01-01T01:00", "01-01T10:00", "01-01T11:00"]],
    ["skip", ["01-01T01:00", "01-01T11:00"]],
  ] as const)("of missed ticks: %s", async (missed, expected) => {
    const journal = createMemoryJournal();
    const services = newServices();
    const one = createTestApp(ticking({ missed }), { journal, services });
    await one.clock.advance(hour);
    await one.delivered();
    await one.close();
    const two = createTestApp(ticking({ missed }), { journal, services, seed: 2, now: one.clock.now() + 9.5 * hour });
    await two.delivered();
    await two.clock.advance(hour / 2);
    await two.delivered();
    expect(services.seen).toEqual(expected);
  });

  test("a tick that fails for good is a dead letter, the next one comes, and a redrive runs it as it was", async () => {
    let failing = true;
    const services = newServices();
    const run = createTestApp(ticking({ fails: () => failing }), { services });
    await run.clock.advance(hour + minute);
    await run.delivered();
    failing = false;
    await run.clock.advance(hour);
    await run.delivered();
    const [dead] = await run.journal.dead({ limit: 9 });
    expect(dead).toMatchObject({ consumer: "timer:hourly", failures: { attempts: 2 } });
    await run.journal.redrive([dead?.id ?? 0], run.clock.now());
    await run.delivered();
    await run.clock.advance(hour);
    await run.delivered();
    expect(services.seen).toEqual(["01-01T01:00", "01-01T01:00", "01-01T02:00", "01-01T01:00", "01-01T03:00"]);
    expect(await sumOf(run)).toEqual({ sum: 3, count: 3 });
  });

  test("a changed schedule takes the place of the old one", async () => {
    const journal = createMemoryJournal();
    const services = newServices();
    const one = createTestApp(ticking({ cron: "0 12 * * *" }), { journal, services });
    await one.delivered();
    await one.close();
    const two = createTestApp(ticking({ cron: "30 * * * *" }), { journal, services, seed: 2 });
    await two.clock.advance(hour);
    await two.delivered();
    await two.close();
    const three = createTestApp(ticking({ cron: "0 6 * * *" }), { journal, services, seed: 3, now: two.clock.now() });
    await three.clock.advance(6 * hour);
    await three.delivered();
    expect(services.seen).toEqual(["01-01T00:30", "01-01T06:00"]);
  });

  test("daylight saving time, both ways, in a zone of its own", async () => {
    const services = newServices();
    const start = Date.parse("2026-03-28T12:00:00Z");
    const run = createTestApp(ticking({ cron: "30 2 * * *", zone: "Europe/Vienna" }), { services, now: start });
    await run.clock.advance(48 * hour);
    await run.delivered();
    const autumn = createTestApp(ticking({ cron: "30 2 * * *", zone: "Europe/Vienna" }), {
      services,
      now: Date.parse("2026-10-24T12:00:00Z"),
    });
    await autumn.clock.advance(48 * hour);
    await autumn.delivered();
    expect(services.seen).toEqual(["03-29T01:00", "03-30T00:30", "10-25T00:30", "10-26T01:30"]);
  });
});

const system = { kind: "system", id: "system", tenant: "default", claims: {} } as const;

async function sumOf(run: { view: ReturnType<typeof createTestApp>["view"] }): Promise<unknown> {
  return (await run.view({ entity: "total", id: "all", principal: system })).view;
}
