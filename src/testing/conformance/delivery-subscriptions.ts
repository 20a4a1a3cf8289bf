import { deepEqual, equal, ok } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import {
  counter,
  dead,
  deadCodes,
  h,
  hour,
  later,
  minute,
  newServices,
  notesAre,
  noting,
  pass,
  redriveAll,
  schemaOf,
  sumIs,
  summing,
  total,
  totals,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually } from "./wait.ts";

/** Events to their handlers. */
export const subscriptionCases: readonly DeliveryCase[] = [
  {
    name: "subscriptions: an event reaches its handler, and what that calls takes effect once",
    async run({ start }) {
      const services = newServices();
      const run = await start(summing, { services });
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
      const run = await start(summing, { services });
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
      const run = await start(summing, { services });
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
      const run = await start(summing, { services });
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
      const run = await start(summing, { services });
      await run.call(counter, "a").add({ n: 5 });
      await run.delivered();
      await pass(run, 73 * hour, 12 * hour);
      await pass(run, 10 * minute, minute);
      deepEqual(await deadCodes(run), ["down"]);
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
      const older = await start(summing, { services, seed: 2 });
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
