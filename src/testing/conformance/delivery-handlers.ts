import { deepEqual, equal } from "node:assert/strict";
import type { App } from "../../core/app.ts";
import type { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import type { DeliveryOptions } from "../../core/messaging/policy.ts";
import type { DeliveredEvent, HandlerContext } from "../../core/messaging/types.ts";
import { counter, dead, deadCodes, h, newServices, pass, sumIs, total, type Services } from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually } from "./wait.ts";

const handling = (
  handle: (event: DeliveredEvent, context: HandlerContext<Services>) => unknown,
  options: DeliveryOptions = {},
): App<unknown, Services> =>
  h.app({
    entities: [counter, total],
    subscriptions: [h.subscription("s", { to: [on(counter.events.added)], handle, ...options })],
  });

/** What handlers do, and what is done to them. */
export const handlerCases: readonly DeliveryCase[] = [
  {
    name: "handlers: rejections are returned, and answered alike at every attempt",
    async run({ start }) {
      const results: unknown[] = [];
      let failing = true;
      const app = handling(async (_, { call }) => {
        const result = await call(total, "t").count({ n: 13 });
        results.push([result.ok, !result.ok && result.code, result.replayed]);
        if (failing) throw new Error("after it");
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      failing = false;
      await pass(run, 1_000);
      deepEqual(results, [
        [false, "unlucky", false],
        [false, "unlucky", true],
      ]);
    },
  },
  {
    name: "handlers: equal calls within one run are told apart by their order",
    async run({ start }) {
      let failing = true;
      const app = handling(async (_, { call }) => {
        for (let i = 0; i < 3; i++) await call(total, "all").count({ n: 1 });
        if (failing) throw new Error("after it");
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      failing = false;
      await pass(run, 1_000);
      await sumIs(run, { sum: 3, count: 3 });
    },
  },
  {
    name: "handlers: another call under the same key is refused: handler-not-deterministic",
    async run({ start }) {
      let n = 0;
      const app = handling(async (_, { call }) => {
        await call(total, "all").count({ n: ++n });
        throw new Error("after it");
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await pass(run, 1_000);
      deepEqual(await deadCodes(run), ["handler-not-deterministic"]);
      await sumIs(run, { sum: 1, count: 1 });
    },
  },
  {
    name: "handlers: a given key makes calls of different events one",
    async run({ start }) {
      const app = handling(async (_, { call }) => void (await call(total, "all", { key: "once" }).count({ n: 7 })));
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.call(counter, "b").add({ n: 2 });
      await run.delivered();
      await sumIs(run, { sum: 7, count: 1 });
    },
  },
  {
    name: "handlers: one that hangs is cut off, counted, and cannot call any more",
    async run({ start }) {
      const codes: unknown[] = [];
      let begun = 0;
      const app = handling(
        async (_, { call, signal }) => {
          begun++;
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          await call(total, "all")
            .count({ n: 1 })
            .catch((error: HoldfastError) => codes.push(error.code));
        },
        { timeoutMs: 1_000, maxAttempts: 2 },
      );
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await eventually(() => begun === 1, "the first attempt");
      await run.clock.advance(1_000);
      await eventually(() => codes.length === 1, "the end of the first attempt");
      await run.clock.advance(1_000);
      await eventually(() => begun === 2, "the second attempt");
      await run.clock.advance(1_000);
      await eventually(() => codes.length === 2, "the end of the second attempt");
      await run.delivered();
      deepEqual(codes, ["handler-finished", "handler-finished"]);
      const letters = await dead(run);
      deepEqual(
        letters.map(({ reason, failures }) => [reason.code, failures.attempts]),
        [["handler-timed-out", 2]],
      );
      await sumIs(run, { sum: 0, count: 0 });
    },
  },
  {
    name: "handlers: one that hangs does not keep other entities' events, and keeps its own entity's",
    async run({ start }) {
      const seen: string[] = [];
      let release = (): void => {};
      const app = handling(({ subject, version }) => {
        seen.push(`${subject}#${version}`);
        if (subject === "a" && version === 1) return new Promise<void>((resolve) => void (release = resolve));
        return undefined;
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.call(counter, "a").add({ n: 1 });
      for (const n of numbers(1, 40)) await run.call(counter, `b${n % 20}`).add({ n });
      await eventually(() => seen.length === 41, "all but one");
      equal(seen.includes("a#2"), false);
      release();
      await run.delivered();
      equal(seen.at(-1), "a#2");
    },
  },
  {
    name: "handlers: one that throws what is no error is tried again",
    async run({ start }) {
      const thrown: unknown[] = ["a string", undefined, { odd: 1n }];
      const app = handling(() => {
        if (thrown.length > 0) throw thrown.shift();
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await pass(run, 5_000);
      deepEqual(thrown, []);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "handlers: what is thrown that is no error has its place among the dead letters",
    async run({ start }) {
      const app = handling(
        ({ subject }) => {
          if (subject === "a") throw "a string";
          if (subject === "b") throw undefined;
          if (subject === "c") throw { odd: 1n };
          throw new Error(`${"x".repeat(100_000)}\u{1F600}`);
        },
        { maxAttempts: 1 },
      );
      const run = await start(app, { services: newServices() });
      for (const id of ["a", "b", "c", "d"]) await run.call(counter, id).add({ n: 1 });
      await run.delivered();
      const letters = await dead(run);
      deepEqual(letters.map(({ stream, reason }) => [stream?.id, reason.code]).toSorted(), [
        ["a", "thrown"],
        ["b", "thrown"],
        ["c", "thrown"],
        ["d", "Error"],
      ]);
      for (const { reason } of letters) equal(JSON.stringify(reason).length < 10_000, true, "a bounded reason");
    },
  },
  {
    name: "handlers: calls that are not awaited are waited for",
    async run({ start }) {
      const app = handling((_, { call }) => void call(total, "all").count({ n: 1 }));
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await sumIs(run, { sum: 1, count: 1 });
    },
  },
  {
    name: "handlers: at most `concurrency` run at once, one per entity",
    async run({ start }) {
      const running = new Set<string>();
      let most = 0;
      const overlaps: string[] = [];
      const app = handling(
        async ({ subject }) => {
          if (running.has(subject)) overlaps.push(subject);
          running.add(subject);
          most = Math.max(most, running.size);
          for (let i = 0; i < 500; i++) await Promise.resolve();
          running.delete(subject);
        },
        { concurrency: 3 },
      );
      const run = await start(app, { services: newServices() });
      for (const n of numbers(0, 39)) await run.call(counter, `c${n % 8}`).add({ n });
      await run.delivered();
      deepEqual([most <= 3, overlaps], [true, []]);
    },
  },
  {
    name: "handlers: an event tells where it comes from, and the same at every attempt",
    async run({ start }) {
      const events: DeliveredEvent[] = [];
      const attempts: number[] = [];
      const app = handling((event, { attempt, now }) => {
        events.push(event);
        attempts.push(attempt, now - event.time >= 0 ? 1 : 0);
        if (attempt < 3) throw new Error("no");
      });
      const run = await start(app, { services: newServices() });
      await run.call(counter, "x").addAll([1, 2]);
      await pass(run, 5_000);
      deepEqual(attempts, [1, 1, 2, 1, 3, 1, 1, 1, 2, 1, 3, 1]);
      const [first, , , second] = events;
      deepEqual([events[1], events[2]], [first, first]);
      deepEqual([events[4], events[5]], [second, second]);
      const fields = ({ type, subject, data, version, tenant }: DeliveredEvent): unknown[] => [
        type,
        subject,
        data,
        version,
        tenant,
      ];
      deepEqual(first && fields(first), ["counter.added", "x", { n: 1 }, 1, "default"]);
      deepEqual(second && fields(second), ["counter.added", "x", { n: 2 }, 2, "default"]);
      equal(first?.id === second?.id, false);
      equal(first?.correlation, second?.correlation);
    },
  },
];
