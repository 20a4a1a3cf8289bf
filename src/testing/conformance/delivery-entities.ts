import { deepEqual, equal } from "node:assert/strict";
import { systemPrincipal } from "../../core/runtime/authorize.ts";
import {
  counter,
  dead,
  deadCodes,
  erase,
  h,
  minute,
  newServices,
  pass,
  redriveAll,
  schemaOf,
  second,
  sumIs,
  total,
  viewOf,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually, turns } from "./wait.ts";

const app = h.app({ entities: [counter, total] });

/** What entities send, and their timers. */
export const entityCases: readonly DeliveryCase[] = [
  {
    name: "sends: what decide sends arrives once, as a command of the other entity",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addAndTell({ n: 2, to: "all" });
      await run.call(counter, "b").addAndTell({ n: 3, to: "all" });
      await run.delivered();
      await sumIs(run, { sum: 5, count: 2 });
      await run.delivered();
      await sumIs(run, { sum: 5, count: 2 });
    },
  },
  {
    name: "sends: what is rejected at the receiver is over",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addAndTell({ n: 13, to: "all" });
      await run.call(counter, "a").addAndTell({ n: 3, to: "all" });
      await run.delivered();
      await sumIs(run, { sum: 3, count: 1 });
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "sends: what is sent to an erased entity is dead-lettered, and the sender's next message goes on",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(total, "gone").count({ n: 1 });
      await erase(run, "total", "gone");
      await run.call(counter, "a").addAndTell({ n: 2, to: "gone" });
      await run.call(counter, "a").addAndTell({ n: 3, to: "all" });
      await run.delivered();
      deepEqual(
        (await dead(run)).map(({ consumer, reason }) => [consumer, reason.code]),
        [["sends", "erased"]],
      );
      await sumIs(run, { sum: 3, count: 1 });
    },
  },
  {
    name: "sends: what is sent to an entity that this code does not know waits for newer code",
    async run({ start }) {
      const old = await start(h.app({ entities: [counter] }), { services: newServices() });
      await old.call(counter, "a").addAndTell({ n: 2, to: "all" });
      await pass(old, 10 * minute, minute);
      deepEqual(await dead(old), []);
      await old.close();
      const run = await start(app, { services: newServices(), seed: 2, now: old.clock.now() });
      await pass(run, 6 * minute, minute);
      await sumIs(run, { sum: 2, count: 1 });
    },
  },
  {
    name: "timers: one runs its command once when it is due",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addLater({ n: 5, ms: 10_000 });
      await run.delivered();
      await pass(run, 9_999, 3_000);
      deepEqual(await viewOf(run, "counter", "a"), { sum: 0 });
      await pass(run, 1);
      deepEqual(await viewOf(run, "counter", "a"), { sum: 5 });
      await pass(run, minute, 10_000);
      deepEqual(await viewOf(run, "counter", "a"), { sum: 5 });
    },
  },
  {
    name: "timers: the same name replaces: for later it fires later, for earlier it fires earlier",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addLater({ n: 1, ms: 10_000 });
      await run.call(counter, "a").addLater({ n: 2, ms: 20_000 });
      await run.call(counter, "b").addLater({ n: 1, ms: 20_000 });
      await run.delivered();
      await run.call(counter, "b").addLater({ n: 4, ms: 5_000 });
      await run.delivered();
      await pass(run, 6_000, 1_000);
      deepEqual(await viewOf(run, "counter", "b"), { sum: 4 });
      await pass(run, 6_000, 1_000);
      deepEqual(await viewOf(run, "counter", "a"), { sum: 0 });
      await pass(run, 10_000, 1_000);
      deepEqual([await viewOf(run, "counter", "a"), await viewOf(run, "counter", "b")], [{ sum: 2 }, { sum: 4 }]);
    },
  },
  {
    name: "timers: a cancelled one does nothing",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addLater({ n: 1, ms: 1_000 });
      await run.call(counter, "a").stopTimer();
      await pass(run, 5_000);
      deepEqual(await viewOf(run, "counter", "a"), { sum: 0 });
    },
  },
  {
    name: "timers: one whose command is rejected is over",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addLater({ n: -1, ms: 1_000 });
      await pass(run, 5_000);
      equal(await run.timer({ entity: "counter", id: "a", principal: systemPrincipal }, "later"), undefined);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "timers: they survive a restart, and fire however late",
    async run({ start }) {
      const one = await start(app, { services: newServices() });
      await one.call(counter, "a").addLater({ n: 3, ms: 1_000 });
      await one.close();
      const now = one.clock.now() + 30 * 86_400_000;
      const two = await start(app, { services: newServices(), seed: 2, now });
      await two.delivered();
      deepEqual(await viewOf(two, "counter", "a"), { sum: 3 });
    },
  },
  {
    name: "timers: those of an erased entity do nothing",
    async run({ start }) {
      const run = await start(app, { services: newServices() });
      await run.call(counter, "a").addLater({ n: 3, ms: 1_000 });
      await run.delivered();
      await erase(run, "counter", "a");
      await pass(run, 5_000);
      deepEqual(await dead(run), []);
      const { nextAt } = await run.journal.due("timers", { now: 0, limit: 10 });
      equal(nextAt, undefined);
    },
  },
  {
    name: "timers: a thousand that are due at the same time all fire, without anybody asking",
    async run({ start }) {
      let fired = 0;
      const bell = h
        .entity("bell", {
          initial: () => ({}),
          events: { rung: schemaOf<object>() },
          evolve: { rung: (state) => state },
        })
        .command("ring", {
          decide: (_, __, { events }) => {
            fired++;
            return events.rung({});
          },
        })
        .command("set", {
          decide: (_, __, { schedule }) => {
            schedule("t", { afterMs: 1_000 }).ring();
            return [];
          },
        });
      const run = await start(h.app({ entities: [bell] }), { services: newServices() });
      await Promise.all(numbers(1, 1_000).map((n) => run.call(bell, `b${n}`).set()));
      await run.delivered();
      await run.clock.advance(1_000);
      await eventually(() => fired === 1_000, "a thousand timers");
      await run.delivered();
      equal(fired, 1_000);
    },
  },
  {
    name: "timers: one that is set anew while its command is given up is not lost",
    async run({ start }) {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => void (release = resolve));
      let attempts = 0;
      const rung: string[] = [];
      const bell = h
        .entity("bell", {
          initial: () => ({}),
          events: { rung: schemaOf<object>() },
          evolve: { rung: (state) => state },
        })
        .command("ring", {
          input: schemaOf<string>(),
          prepare: async (input) => {
            if (input !== "bad") return;
            // The last one is slow.
            if (++attempts === 10) await held;
            throw new Error("no");
          },
          decide: (_, input, { events }) => {
            rung.push(input);
            return events.rung({});
          },
        })
        .command("set", {
          input: schemaOf<{ readonly ms: number; readonly what: string }>(),
          decide: (_, { ms, what }, { schedule }) => {
            schedule("t", { afterMs: ms }).ring(what);
            return [];
          },
        });
      const run = await start(h.app({ entities: [bell] }), { services: newServices() });
      await run.call(bell, "x").set({ ms: 1_000, what: "bad" });
      await run.delivered();
      for (let i = 0; i < 1_000 && attempts < 10; i++) {
        await run.clock.advance(second);
        await turns();
      }
      equal(attempts, 10);
      await run.call(bell, "x").set({ ms: 2_000, what: "good" });
      // The timer is armed again before what it runs has ended.
      for (let i = 0; i < 5; i++) {
        await run.clock.advance(20);
        await turns();
      }
      release();
      await pass(run, minute, 5_000);
      deepEqual(rung, ["good"]);
    },
  },
  {
    name: "timers: a dead one that is redriven fires, if it is still pending",
    async run({ start }) {
      let failing = true;
      const bell = h
        .entity("bell", {
          initial: () => ({ rung: 0 }),
          events: { rung: schemaOf<object>() },
          evolve: { rung: ({ rung }) => ({ rung: rung + 1 }) },
        })
        .command("ring", {
          decide: (_, __, { events }) => {
            if (failing) throw new Error("no");
            return events.rung({});
          },
        })
        .command("set", {
          decide: (_, __, { schedule }) => {
            schedule("t", { afterMs: 1_000 }).ring();
            return [];
          },
        });
      const run = await start(h.app({ entities: [bell] }), { services: newServices() });
      await run.call(bell, "x").set();
      await run.delivered();
      await pass(run, 20 * minute, 20_000);
      deepEqual(await deadCodes(run), ["internal"]);
      failing = false;
      await redriveAll(run);
      await run.delivered();
      await pass(run, minute, 20_000);
      deepEqual(await viewOf(run, "bell", "x"), { rung: 1 });
      deepEqual(await dead(run), []);
    },
  },
];
