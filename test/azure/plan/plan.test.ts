import { holdfast, on } from "holdfast";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import shop from "../../../functions/app.ts";
import { azurePlan } from "holdfast/azure/plan";
import { subscriptionRules } from "../../../src/azure/service-bus/index.ts";
import { consumersOf } from "../../../src/core/broker/groups.ts";
import { wakeUps } from "../../../src/core/broker/wake-ups.ts";

const h = holdfast();
const kinds = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;
const read = z.object({ place: z.string() });
const meter = h
  .entity("meter", {
    initial: () => ({ reads: 0 }),
    events: { a: read, b: read, c: read, d: read, e: read, f: read, g: read, h: read },
    evolve: {
      a: (state) => state,
      b: (state) => state,
      c: (state) => state,
      d: (state) => state,
      e: (state) => state,
      f: (state) => state,
      g: (state) => state,
      h: (state) => state,
    },
  })
  .command("read", { decide: (_state, _input, { events }) => events.a({ place: "here" }) });
const handle = async (): Promise<void> => undefined;

describe("the plan of an app on Azure", () => {
  test("has a subscription or a queue for each consumer, and one for wake-ups", () => {
    const { subscriptions, queues } = azurePlan(shop);
    const planned = [...subscriptions, ...queues].map(({ consumer }) => consumer);
    expect(planned.toSorted()).toEqual([...consumersOf(shop), wakeUps].toSorted());
    expect(queues.map(({ name }) => name)).toEqual(["queue-imports", "sends", "timers", "wakeups"]);
    expect(queues.filter(({ ordered }) => ordered).map(({ name }) => name)).toEqual(["sends"]);
  });

  test("has the rules that the bus's messages are made for, in their order", () => {
    const compiled = subscriptionRules(shop);
    const { subscriptions } = azurePlan(shop);
    expect(subscriptions).toHaveLength(compiled.size);
    for (const { name, rules, widened } of subscriptions) {
      expect(rules.map(({ sql }) => sql)).toEqual(compiled.get(name)?.rules);
      expect(rules.map(({ name: rule }) => rule)).toEqual(rules.map((_, i) => `rule-${i + 1}`));
      expect(widened).toEqual(compiled.get(name)?.widened);
    }
  });

  test("names the timers with their zones", () => {
    const { timers } = azurePlan(shop);
    expect(timers).toEqual([...shop.timers.values()].map(({ name: timer, cron, zone }) => ({ timer, cron, zone })));
    expect(timers).not.toEqual([]);
  });

  test.each([
    [1_000, 60],
    [100_000, 101],
    [299_000, 300],
    [299_001, 300],
    [900_000, 300],
  ])("a handler of %d ms has a lock of %d s", (timeoutMs, lockSeconds) => {
    const plan = azurePlan(
      h.app({
        entities: [meter],
        subscriptions: [h.subscription("watch", { to: [on(meter.events.a)], timeoutMs, handle })],
      }),
    );
    expect(plan.subscriptions.map((one) => one.lockSeconds)).toEqual([lockSeconds]);
  });

  test("the queue of timers is locked for as long as the slowest cron timer takes", () => {
    const timers = [60_000, 200_000, 90_000].map((timeoutMs, i) =>
      h.timer(`t${i}`, { cron: "0 3 * * *", timeoutMs, handle }),
    );
    const { queues } = azurePlan(h.app({ entities: [meter], timers }));
    expect(queues.find(({ name }) => name === "timers")?.lockSeconds).toBe(201);
  });

  test("is sorted by name, whatever the order of declaration", () => {
    const made = ["b", "c", "a"].map((name) => h.subscription(name, { to: [on(meter.events.a)], handle }));
    const plan = azurePlan(h.app({ entities: [meter], subscriptions: made }));
    expect(plan.subscriptions.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(azurePlan(h.app({ entities: [meter], subscriptions: made.toReversed() }))).toEqual(plan);
  });

  test("says what rules let through besides", () => {
    const subscription = h.subscription("watch", {
      to: [on(meter.events.a, { place: ["X".repeat(300)] })],
      handle,
    });
    const [one] = azurePlan(h.app({ entities: [meter], subscriptions: [subscription] })).subscriptions;
    expect(one?.widened.join()).toContain('"place"');
  });

  test("refuses a name that ends with a hyphen, of a subscription and of a queue", () => {
    const subscription = h.subscription("watch-", { to: [on(meter.events.a)], handle });
    expect(() => azurePlan(h.app({ entities: [meter], subscriptions: [subscription] }))).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining('"watch-"') as string }),
    );
    const worker = h.worker("work", { queue: "rows-", input: z.string(), key: (row) => row, handle });
    expect(() => azurePlan(h.app({ entities: [meter], workers: [worker] }))).toThrow(
      /"queue-rows-" ends with a hyphen/,
    );
  });

  test("refuses more rules than a topic may have", () => {
    const subscriptions = Array.from({ length: 260 }, (_, i) =>
      h.subscription(`s${i}`, {
        to: kinds.map((kind) => on(meter.events[kind], { place: ["x".repeat(690)] })),
        handle,
      }),
    );
    expect(() => azurePlan(h.app({ entities: [meter], subscriptions }))).toThrow(
      expect.objectContaining({
        code: "invalid-options",
        message: expect.stringMatching(/have \d+ rules; .* 2000/) as string,
      }),
    );
  });
});
