import { deepEqual, equal, ok } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import {
  counter,
  dead,
  deadCodes,
  diaries,
  diary,
  erase,
  h,
  hour,
  later,
  leasePast,
  minute,
  newServices,
  notesAre,
  pass,
  recordsOf,
  redriveAll,
  schemaOf,
  sumIs,
  total,
  totals,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually, turns } from "./wait.ts";

const app = h.app({ entities: [counter, total], subscriptions: [totals] });
const noting = h.app({ entities: [counter, diary], subscriptions: [diaries] });

/** Events to their handlers. */
export const subscriptionCases: readonly DeliveryCase[] = [
  {
    name: "subscriptions: an event reaches its handler, and what that calls takes effect once",
    async run({ start }) {
      const services = newServices();
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 2 });
      await run.call(counter, "b").add({ n: 3 });
      await run.delivered();
      deepEqual(services.seen, ["a#1", "b#1"]);
      await run.delivered();
      await sumIs(run, { sum: 5, count: 2 });
    },
  },
  {
    name: "subscriptions: a failed event is tried again before its entity's next one, while others overtake it",
    async run({ start }) {
      let failing = true;
      const services = newServices((what) => {
        if (what.startsWith("a#1") && failing) throw new Error("no");
      });
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await run.call(counter, "a").add({ n: 2 });
      await run.call(counter, "b").add({ n: 4 });
      await run.delivered();
      deepEqual(services.seen, ["a#1", "b#1"]);
      failing = false;
      await pass(run, 1_000);
      deepEqual(services.seen, ["a#1", "b#1", "a#1", "a#2"]);
      await run.call(counter, "a").add({ n: 8 });
      await run.delivered();
      equal(services.seen.at(-1), "a#3");
      await sumIs(run, { sum: 15, count: 4 });
    },
  },
  {
    name: "subscriptions: poison becomes a dead letter after maxAttempts, and the entity's later events go on",
    async run({ start }) {
      const services = newServices((what) => {
        if (what.startsWith("a#2")) throw new Error("poison");
      });
      const run = await start(app, { services });
      for (const n of [1, 2, 3]) await run.call(counter, "a").add({ n });
      await run.delivered();
      await pass(run, 5_000);
      deepEqual(services.seen, ["a#1", "a#2", "a#2", "a#2", "a#3"]);
      await sumIs(run, { sum: 4, count: 2 });
      const letters = await dead(run);
      deepEqual(
        letters.map(({ consumer, stream, sequence, n, failures, reason }) => [
          consumer,
          stream?.id,
          sequence,
          n,
          failures.attempts,
          reason.code,
          reason.message,
        ]),
        [["subscription:totals", "a", 2, 1, 3, "Error", "poison"]],
      );
    },
  },
  {
    name: "subscriptions: a redriven dead letter is handled again at its own subscription only",
    async run({ start }) {
      let poison = true;
      const others: string[] = [];
      const other = h.subscription("other", {
        to: [on(counter.events.added)],
        handle: ({ subject }) => void others.push(subject),
      });
      const services = newServices((what) => {
        if (what.startsWith("a#1") && poison) throw new HoldfastError("bad", "Never.");
      });
      const run = await start(h.app({ entities: [counter, total], subscriptions: [totals, other] }), { services });
      await run.call(counter, "a").add({ n: 5 });
      await run.delivered();
      deepEqual(services.seen, ["a#1"]);
      poison = false;
      await redriveAll(run);
      await run.delivered();
      deepEqual(services.seen, ["a#1", "a#1"]);
      deepEqual(others, ["a"]);
      await sumIs(run, { sum: 5, count: 1 });
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: what is redriven goes before its entity's later events, also while those wait for a retry",
    needs: ["front"],
    async run({ start }) {
      let poison = true;
      const services = newServices((what) => {
        if (what.startsWith("a#1") && poison) throw new HoldfastError("bad", "Never.");
        if (what === "a#2/1" || what === "a#2/2") throw new Error("not yet");
      });
      const run = await start(noting, { services });
      for (const n of [1, 2, 3]) await run.call(counter, "a").add({ n });
      await run.delivered();
      deepEqual(services.seen, ["a#1", "a#2"]);
      poison = false;
      await redriveAll(run);
      await run.delivered();
      deepEqual(services.seen, ["a#1", "a#2", "a#1"]);
      await pass(run, 4_000);
      deepEqual(services.seen, ["a#1", "a#2", "a#1", "a#2", "a#2", "a#3"]);
      await notesAre(run, "a", ["1:1", "2:2", "3:3"]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: what is redriven and fails again is tried again by itself, and ends as one dead letter",
    needs: ["front"],
    async run({ start }) {
      const services = newServices((what) => {
        if (what.startsWith("a#1")) throw new Error("no");
      });
      const run = await start(noting, { services });
      await run.call(counter, "a").add({ n: 1 });
      await pass(run, 4_000);
      await redriveAll(run);
      await run.delivered();
      await run.call(counter, "a").add({ n: 2 });
      await run.delivered();
      await notesAre(run, "a", ["2:2"]);
      await pass(run, 4_000);
      deepEqual(services.seen.toSorted(), ["a#1", "a#1", "a#1", "a#1", "a#1", "a#1", "a#2"]);
      deepEqual(await deadCodes(run), ["Error"]);
    },
  },
  {
    name: "subscriptions: an outage of an hour counts as no attempt and dead-letters nothing",
    async run({ start }) {
      let down = true;
      const services = newServices(() => {
        if (down) throw later();
      });
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 5 });
      await run.delivered();
      await pass(run, hour, minute);
      ok(services.seen.length > 10, `${services.seen.length} attempts`);
      deepEqual(await dead(run), []);
      down = false;
      await pass(run, 5 * minute, minute);
      await sumIs(run, { sum: 5, count: 1 });
    },
  },
  {
    name: "subscriptions: an outage longer than maxAgeMs ends as a dead letter",
    async run({ start }) {
      const services = newServices(() => {
        throw later();
      });
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 5 });
      await run.delivered();
      await pass(run, 73 * hour, 12 * hour);
      await pass(run, 10 * minute, minute);
      deepEqual(await deadCodes(run), ["down"]);
    },
  },
  {
    name: "subscriptions: a restart goes on where the cursor stands, parked entities included",
    async run({ start }) {
      const failing = newServices((what) => {
        if (what.startsWith("a#1")) throw new Error("no");
      });
      const one = await start(app, { services: failing });
      for (const n of [1, 2]) await one.call(counter, "a").add({ n });
      await one.call(counter, "b").add({ n: 4 });
      await one.delivered();
      deepEqual(failing.seen, ["a#1", "b#1"]);
      await one.close();
      const services = newServices();
      const two = await start(app, { services, seed: 2, now: one.clock.now() + minute });
      await two.delivered();
      deepEqual(services.seen, ["a#1", "a#2"]);
      await sumIs(two, { sum: 7, count: 3 });
    },
  },
  {
    name: "subscriptions: failures are counted across restarts",
    async run({ start }) {
      const attempts: string[] = [];
      const failing = newServices((what) => {
        attempts.push(what);
        throw new Error("no");
      });
      let now: number | undefined;
      for (const seed of [1, 2, 3, 4]) {
        const run = await start(app, { services: failing, seed, ...(now !== undefined && { now }) });
        if (seed === 1) await run.call(counter, "a").add({ n: 1 });
        await run.delivered();
        await run.close();
        now = run.clock.now() + minute;
      }
      deepEqual(attempts, ["a#1/1", "a#1/2", "a#1/3"]);
    },
  },
  {
    name: "subscriptions: of two instances one delivers at a time, and the other takes over when its lease ends",
    needs: ["owner"],
    async run({ start }) {
      const services = newServices();
      const one = await start(app, { services });
      const idle = newServices();
      const two = await start(app, { services: idle, seed: 2 });
      await one.call(counter, "a").add({ n: 1 });
      await one.delivered();
      await two.delivered();
      deepEqual([services.seen, idle.seen], [["a#1"], []]);
      // The first stands still: its clock does not move, nobody renews its lease.
      await pass(two, leasePast);
      await two.call(counter, "a").add({ n: 2 });
      await two.delivered();
      ok(idle.seen.includes("a#2"));
      await sumIs(two, { sum: 3, count: 2 });
    },
  },
  {
    name: "subscriptions: what a process does that is no longer the owner leaves no trace",
    needs: ["owner"],
    async run({ start }) {
      let release = (): void => {};
      const slow = newServices(() => new Promise((resolve) => void (release = resolve)));
      const one = await start(app, { services: slow });
      await one.call(counter, "a").add({ n: 1 });
      const waiting = one.delivered();
      await eventually(() => slow.seen.length === 1, "the handler");
      const services = newServices();
      const two = await start(app, { services, seed: 2, now: one.clock.now() + leasePast });
      await two.delivered();
      deepEqual(services.seen, ["a#1"]);
      release();
      await one.clock.advance(4_000);
      await waiting;
      deepEqual(await dead(two), []);
      await sumIs(two, { sum: 1, count: 1 });
      await two.call(counter, "a").add({ n: 2 });
      await two.delivered();
      deepEqual(services.seen, ["a#1", "a#2"]);
      await sumIs(two, { sum: 3, count: 2 });
    },
  },
  {
    name: "subscriptions: a handler that runs when the owner changes is told to stop, and cannot call any more",
    needs: ["owner"],
    async run({ start }) {
      const codes: unknown[] = [];
      let stopped = false;
      const slow = h.subscription("slow", {
        to: [on(counter.events.added)],
        timeoutMs: 900_000,
        handle: async (_, { call, signal, services }) => {
          services.seen.push("begun");
          if (services.seen.length > 1 || stopped) return;
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          stopped = true;
          await call(total, "all")
            .count({ n: 1 })
            .catch((error: HoldfastError) => codes.push(error.code));
        },
      });
      const slowly = h.app({ entities: [counter, total], subscriptions: [slow] });
      const first = newServices();
      const one = await start(slowly, { services: first });
      await one.call(counter, "a").add({ n: 1 });
      await eventually(() => first.seen.length === 1, "the handler");
      const second: ReturnType<typeof newServices> = { seen: ["already"], act: () => {} };
      const two = await start(slowly, { services: second, seed: 2, now: one.clock.now() + leasePast });
      await two.delivered();
      deepEqual(second.seen, ["already", "begun"]);
      // What it would store next tells it.
      for (let i = 0; i < 20 && !stopped; i++) {
        await one.clock.advance(1_000);
        await turns();
      }
      await eventually(() => codes.length === 1, "the refusal of its call");
      deepEqual(codes, ["handler-finished"]);
      await sumIs(two, { sum: 0, count: 0 });
    },
  },
  {
    name: "subscriptions: an entity that waits for a retry is taken over by another instance, and the first one goes on",
    async run({ start }) {
      const failing = newServices((what) => {
        if (what.startsWith("a#1/"))
          throw new HoldfastError("slow", "Later.", { retry: "later", retryAfterMs: minute });
      });
      const one = await start(noting, { services: failing });
      await one.call(counter, "a").add({ n: 1 });
      await one.delivered();
      const services = newServices();
      const two = await start(noting, { services, seed: 2, now: one.clock.now() + 2 * minute });
      await two.delivered();
      await notesAre(two, "a", ["1:1"]);
      await two.close();
      await pass(one, 3 * minute, 10_000);
      await one.call(counter, "a").add({ n: 2 });
      await one.delivered();
      await notesAre(one, "a", ["1:1", "2:2"]);
      deepEqual(services.seen, ["a#1"]);
      deepEqual(failing.seen, ["a#1", "a#2"]);
    },
  },
  {
    name: "subscriptions: a new one begins now, or with the first event ever",
    async run({ start }) {
      const before = await start(h.app({ entities: [counter, total] }), { services: newServices() });
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
      const after = await start(both, { services: newServices(), seed: 2 });
      await after.call(counter, "a").add({ n: 2 });
      await after.delivered();
      deepEqual(seen.toSorted(), ["beginning 1", "beginning 2", "now 2"]);
    },
  },
  {
    name: "subscriptions: filters decide, and one event that two filters let through is delivered once",
    async run({ start }) {
      const seen: string[] = [];
      const filtered = h.subscription("filtered", {
        to: [on(counter.events.added, { tag: "x" }), on(counter.events.added, { n: { gte: 10 } })],
        handle: ({ data }) => void seen.push(`${data.n}${data.tag ?? ""}`),
      });
      const run = await start(h.app({ entities: [counter], subscriptions: [filtered] }), { services: newServices() });
      await run.call(counter, "a").add({ n: 1 });
      await run.call(counter, "a").add({ n: 2, tag: "x" });
      await run.call(counter, "a").add({ n: 11, tag: "x" });
      await run.call(counter, "a").add({ n: 12, tag: 'a "type":"added" b' });
      await run.call(counter, "a").clear();
      await run.delivered();
      deepEqual(seen, ["2x", "11x", '12a "type":"added" b']);
    },
  },
  {
    name: "subscriptions: an entity that waits for a retry skips what the filters do not let through, later, too",
    async run({ start }) {
      const seen: string[] = [];
      const filtered = h.subscription("filtered", {
        to: [on(counter.events.added, { tag: "x" }), on(counter.events.added, { n: { gte: 10 } })],
        handle: ({ data, version }, { attempt }) => {
          seen.push(`${version}/${attempt}`);
          if (data.n === 2 && attempt === 1) throw new Error("no");
        },
      });
      const run = await start(h.app({ entities: [counter], subscriptions: [filtered] }), { services: newServices() });
      const adds = [{ n: 1 }, { n: 2, tag: "x" }, { n: 3 }, { n: 11, tag: "x" }, { n: 4 }, { n: 12 }, { n: 5 }];
      for (const add of adds) await run.call(counter, "a").add(add);
      await run.delivered();
      await run.call(counter, "a").add({ n: 6, tag: "x" });
      await run.call(counter, "a").add({ n: 7 });
      await pass(run, 1_000);
      deepEqual(seen, ["2/1", "2/2", "4/1", "6/1", "8/1"]);
      await run.call(counter, "a").add({ n: 13 });
      await run.delivered();
      equal(seen.at(-1), "10/1");
    },
  },
  {
    name: "subscriptions: of a record with several commands' events, one in the middle fails, and the order stays",
    async run({ start }) {
      for (const fails of numbers(1, 9)) {
        const id = `c${fails}`;
        const services = newServices((what) => {
          if (what === `${id}#${fails}/1`) throw new Error("no");
        });
        const run = await start(noting, { services, seed: fails, now: 1_767_225_600_000 + fails * minute });
        // What waits for the same entity is one record, with an entry for each command.
        await Promise.all(
          [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, 9],
          ].map((ns) => run.call(counter, id).addAll(ns)),
        );
        await run.call(counter, id).addAll([10, 11]);
        await pass(run, 2_000);
        ok((await recordsOf(run, "counter", id)).length < 4, "the commands share a record");
        await notesAre(
          run,
          id,
          numbers(1, 11).map((n) => `${n}:${n}`),
        );
        const first = [...new Set(services.seen)];
        deepEqual(
          first,
          numbers(1, 11).map((n) => `${id}#${n}`),
        );
        equal(services.seen.length, 12);
        await run.close();
      }
    },
  },
  {
    name: "subscriptions: of a record with several events, poison in the middle is one dead letter, and the rest goes on",
    async run({ start }) {
      const services = newServices((what) => {
        if (/#[257]\//.test(what)) throw new HoldfastError("bad", "Never.");
      });
      const run = await start(noting, { services });
      await Promise.all(
        [
          [1, 2, 3],
          [4, 5, 6],
          [7, 8],
        ].map((ns) => run.call(counter, "a").addAll(ns)),
      );
      await run.delivered();
      await notesAre(run, "a", ["1:1", "3:3", "4:4", "6:6", "8:8"]);
      services.act = () => {};
      equal((await dead(run)).length, 3);
      await redriveAll(run);
      await run.delivered();
      deepEqual(services.seen.slice(-3), ["a#2", "a#5", "a#7"]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: ten thousand events behind one that waits are handled in order, once it is done",
    async run({ start }) {
      let failing = true;
      const services = newServices((what) => {
        if (what.startsWith("a#1/") && failing) throw later();
      });
      const collecting = h.subscription("collecting", {
        to: [on(counter.events.added)],
        handle: async ({ subject, version }, { services, attempt }) => {
          await services.act(`${subject}#${version}/${attempt}`);
          services.seen.push(`${subject}#${version}`);
        },
      });
      const run = await start(h.app({ entities: [counter], subscriptions: [collecting] }), { services });
      await run.call(counter, "a").addAll([1]);
      await run.delivered();
      for (let i = 0; i < 100; i++) await run.call(counter, "a").addAll(numbers(1, 100));
      await run.call(counter, "b").add({ n: 1 });
      await run.delivered();
      deepEqual(services.seen, ["b#1"]);
      failing = false;
      await pass(run, minute, 10_000);
      const expected = ["b#1", ...numbers(1, 10_001).map((version) => `a#${version}`)];
      equal(services.seen.length, expected.length);
      deepEqual(services.seen, expected);
    },
  },
  {
    name: "subscriptions: a thousand entities that fail do not keep one from being handled",
    async run({ start }) {
      const services = newServices((what) => {
        if (!what.startsWith("good")) throw later();
      });
      const run = await start(noting, { services });
      await Promise.all(numbers(1, 1_000).map((n) => run.call(counter, `bad${n}`).add({ n })));
      await run.delivered();
      await run.call(counter, "good").add({ n: 1 });
      await run.delivered();
      await notesAre(run, "good", ["1:1"]);
      services.act = () => {};
      await pass(run, 2_000);
      for (const n of [1, 500, 1_000]) await notesAre(run, `bad${n}`, [`1:${n}`]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: what was erased is not delivered any more",
    async run({ start }) {
      let failing = true;
      const services = newServices(() => {
        if (failing) throw new Error("no");
      });
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await erase(run, "counter", "a");
      failing = false;
      await pass(run, 2_000);
      deepEqual(services.seen, ["a#1"]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: a dead letter whose entity was erased is over when it is redriven",
    async run({ start }) {
      const services = newServices(() => {
        throw new HoldfastError("bad", "Never: it quotes a name.");
      });
      const run = await start(app, { services });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await erase(run, "counter", "a");
      deepEqual(await deadCodes(run), ["erased"]);
      await redriveAll(run);
      await run.delivered();
      deepEqual(services.seen, ["a#1"]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "subscriptions: an event that newer code wrote waits for that code",
    async run({ start }) {
      const newer = h
        .entity("counter", {
          initial: () => ({}),
          events: {
            added: {
              schema: schemaOf<{ readonly m: number }>(),
              version: 2,
              upcast: { 1: ({ n }: { n: number }) => ({ m: n }) },
            },
          },
          evolve: { added: (state) => state },
        })
        .command("add", {
          input: schemaOf<{ readonly m: number }>(),
          decide: (_, input, { events }) => events.added(input),
        });
      const writer = await start(h.app({ entities: [newer] }), { services: newServices() });
      await writer.call(newer, "a").add({ m: 1 });
      await writer.close();
      const services = newServices();
      const older = await start(app, { services, seed: 2 });
      await older.delivered();
      await pass(older, hour, minute);
      deepEqual(services.seen, []);
      deepEqual(await dead(older), []);
      await older.close();
      const seen: number[] = [];
      const handles = h.subscription("totals", {
        to: [on(newer.events.added)],
        handle: ({ data }) => void seen.push(data.m),
      });
      const newest = h.app({ entities: [newer], subscriptions: [handles] });
      const run = await start(newest, { services, seed: 3, now: older.clock.now() });
      await pass(run, 5 * minute, minute);
      deepEqual(seen, [1]);
    },
  },
  {
    name: "subscriptions: an event that cannot be brought into its newest shape is poison, and stops no other entity's",
    async run({ start }) {
      const writer = await start(h.app({ entities: [counter] }), { services: newServices() });
      await writer.call(counter, "a").add({ n: 1 });
      await writer.call(counter, "b").add({ n: 2 });
      await writer.close();
      const broken = h
        .entity("counter", {
          initial: () => ({}),
          events: {
            added: {
              schema: schemaOf<{ readonly m: number }>(),
              version: 2,
              upcast: {
                1: ({ n }: { n: number }) => {
                  if (n === 1) throw new Error("this one is odd");
                  return { m: n };
                },
              },
            },
          },
          evolve: { added: (state) => state },
        })
        .command("add", {
          input: schemaOf<{ readonly m: number }>(),
          decide: (_, input, { events }) => events.added(input),
        });
      const seen: number[] = [];
      const handles = h.subscription("handles", {
        to: [on(broken.events.added, { m: { gte: 0 } })],
        from: "beginning",
        maxAttempts: 2,
        handle: ({ data }) => void seen.push(data.m),
      });
      const run = await start(h.app({ entities: [broken], subscriptions: [handles] }), {
        services: newServices(),
        seed: 2,
      });
      await run.delivered();
      deepEqual(seen, [2]);
      await pass(run, 2_000);
      const letters = await dead(run);
      deepEqual(
        letters.map(({ stream }) => stream?.id),
        ["a"],
      );
    },
  },
  {
    name: "subscriptions: an event is noticed whenever it is committed, also while the consumer is just going to sleep",
    async run({ start }) {
      const services = newServices();
      // It calls nothing, so that nothing else is committed, which would be noticed.
      const quiet = h.subscription("quiet", {
        to: [on(counter.events.added)],
        handle: ({ subject }, { services }) => void services.seen.push(subject),
      });
      const run = await start(h.app({ entities: [counter], subscriptions: [quiet] }), { services });
      let expected = 0;
      for (const ticks of numbers(0, 60)) {
        await run.call(counter, `a${ticks}`).add({ n: 1 });
        for (let i = 0; i < ticks; i++) await Promise.resolve();
        await run.call(counter, `b${ticks}`).add({ n: 1 });
        expected += 2;
        // Nobody asks for it, and no time goes by.
        await eventually(() => services.seen.length >= expected, `the events after ${ticks} ticks`);
      }
      equal(services.seen.length, expected);
    },
  },
];
