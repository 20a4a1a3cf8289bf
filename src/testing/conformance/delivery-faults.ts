import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import {
  counter,
  dead,
  deadCodes,
  h,
  later,
  leasePast,
  minute,
  newServices,
  notesAre,
  noting,
  pass,
  second,
  sumIs,
  total,
  totals,
} from "./delivery-app.ts";
import type { DeliveryCase, DeliveryStore } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually, turns } from "./wait.ts";
import { around } from "./delivery-around.ts";

/** What happens when something breaks. */
export const faultCases: readonly DeliveryCase[] = [
  {
    name: "faults: progress that cannot be stored for a while is stored later, and nothing is done twice",
    needs: ["faults"],
    async run({ start }) {
      let failing = 0;
      const services = newServices((what) => {
        if (what === "a#2/1") throw new Error("once");
      });
      const run = await start(noting, {
        services,
        through: (store) =>
          around(store, async (name, call) => {
            if (name === "settle" && failing-- > 0) throw later();
            return call();
          }),
      });
      failing = 5;
      await run.call(counter, "a").addAll([1, 2, 3]);
      await run.call(counter, "b").add({ n: 1 });
      for (let i = 0; i < 20; i++) {
        await run.clock.advance(200);
        await turns();
      }
      await pass(run, 3_000);
      ok(failing <= 0, "it has tried as often");
      deepEqual(services.seen.toSorted(), ["a#1", "a#2", "a#2", "a#3", "b#1"]);
      await notesAre(run, "a", ["1:1", "2:2", "3:3"]);
      await run.close();
      const next = newServices();
      const two = await start(noting, { services: next, seed: 2, now: run.clock.now() + minute });
      await two.delivered();
      deepEqual(next.seen, []);
    },
  },
  {
    name: "faults: an outage of the store that lasts longer than the lease ends, and everything goes on",
    needs: ["faults"],
    async run({ start }) {
      let down = false;
      const services = newServices();
      const run = await start(noting, {
        services,
        through: (store) =>
          around(store, async (name, call) => {
            if (down && name !== "append" && name !== "load") throw later();
            return call();
          }),
      });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      down = true;
      for (const n of [2, 3]) await run.call(counter, "a").add({ n });
      await run.call(counter, "b").add({ n: 1 });
      for (let i = 0; i < 60; i++) {
        await run.clock.advance(second);
        await turns();
      }
      down = false;
      await run.clock.advance(2 * minute);
      await run.delivered();
      await notesAre(run, "a", ["1:1", "2:2", "3:3"]);
      await notesAre(run, "b", ["1:1"]);
      deepEqual(await dead(run), []);
    },
  },
  {
    name: "faults: progress that was stored, but whose answer was lost, is stored once",
    needs: ["faults"],
    async run({ start }) {
      let lost = 0;
      const services = newServices((what) => {
        if (what.startsWith("a#2/")) throw new HoldfastError("bad", "Never.");
        if (what === "b#1/1") throw new Error("once");
      });
      const run = await start(noting, {
        services,
        through: (store) =>
          around(store, async (name, call) => {
            const answer = await call();
            if (name === "settle" && lost-- > 0) throw later();
            return answer;
          }),
      });
      lost = 6;
      await run.call(counter, "a").addAll([1, 2, 3]);
      await run.call(counter, "b").addAll([1, 2]);
      for (let i = 0; i < 30; i++) {
        await run.clock.advance(200);
        await turns();
      }
      await pass(run, 3_000);
      ok(lost <= 0, "as many answers were lost");
      await notesAre(run, "a", ["1:1", "3:3"]);
      await notesAre(run, "b", ["1:1", "2:2"]);
      deepEqual(await deadCodes(run), ["bad"]);
    },
  },
  {
    name: "faults: a store that fails at the start fails the start, and whoever starts next misses nothing",
    needs: ["faults"],
    async run({ start }) {
      const services = newServices();
      await rejects(
        start(noting, {
          services,
          through: (store) =>
            around(store, async (name, call) => {
              if (name === "take") throw later();
              return call();
            }),
        }),
        { code: "down" },
      );
      const run = await start(noting, { services: newServices(), seed: 2 });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await notesAre(run, "a", ["1:1"]);
    },
  },
  {
    name: "faults: whoever takes a consumer over, and does not hear so, begins where the other has stopped",
    needs: ["faults"],
    async run({ start }) {
      let lost = false;
      const first = newServices();
      const one = await start(noting, {
        services: first,
        through: (store) =>
          around(store, async (name, call) => {
            const answer = await call();
            if (!lost || name !== "take") return answer;
            lost = false;
            throw later();
          }),
      });
      await one.clock.advance(20 * second);
      const other = newServices((what) => {
        if (what.startsWith("a#2/")) throw later();
      });
      const two = await start(noting, { services: other, seed: 2, now: one.clock.now() + leasePast });
      for (const n of [1, 2, 3]) await two.call(counter, "a").add({ n });
      await two.call(counter, "b").add({ n: 1 });
      await two.delivered();
      await two.close();
      deepEqual(other.seen.toSorted(), ["a#1", "a#2", "b#1"]);
      lost = true;
      for (let i = 0; i < 60; i++) {
        await one.clock.advance(second);
        await turns();
      }
      equal(lost, false);
      await one.call(counter, "b").add({ n: 2 });
      await pass(one, minute, 5 * second);
      deepEqual(first.seen.toSorted(), ["a#2", "a#3", "b#2"]);
      await notesAre(one, "a", ["1:1", "2:2", "3:3"]);
      await notesAre(one, "b", ["1:1", "2:2"]);
    },
  },
  {
    name: "faults: taking a consumer may last longer than a lease, and no event is skipped",
    needs: ["faults"],
    async run({ start }) {
      let slow: (() => Promise<void>) | undefined;
      let open = (): void => {};
      let gate = Promise.resolve();
      const services = newServices();
      const run = await start(noting, {
        services,
        through: (store) =>
          around(store, async (name, call) => {
            // So that all of the records are read at once.
            if (name === "recordsAfter") await gate;
            const answer = await call();
            const wait = name === "take" && slow;
            if (!wait) return answer;
            slow = undefined;
            await wait();
            return answer;
          }),
      });
      await run.clock.advance(minute);
      await run.delivered();
      slow = () => run.clock.advance(leasePast);
      gate = new Promise((resolve) => void (open = resolve));
      await run.call(counter, "a").addAll([1, 2]);
      await run.call(counter, "a").clear();
      await run.call(counter, "b").add({ n: 1 });
      open();
      for (let i = 0; i < 20; i++) await turns();
      await pass(run, 2 * minute, 10 * second);
      equal(slow, undefined);
      await notesAre(run, "a", ["1:1", "2:2"]);
      await notesAre(run, "b", ["1:1"]);
    },
  },
  {
    name: "faults: what died before its position was stored is one dead letter when it dies again",
    needs: ["faults"],
    async run({ start }) {
      let gone = false;
      const slow = newServices((what) => {
        if (what.startsWith("a#")) return new Promise(() => {});
        throw new HoldfastError("bad", "Never.");
      });
      const one = await start(noting, {
        services: slow,
        through: (store) =>
          around(store, async (_, call) => {
            if (gone) throw later();
            return call();
          }),
      });
      await one.call(counter, "a").add({ n: 1 });
      await one.call(counter, "b").add({ n: 1 });
      await eventually(() => slow.seen.length === 2, "both handlers");
      for (let i = 0; i < 5; i++) {
        await one.clock.advance(100);
        await turns();
      }
      gone = true;
      const services = newServices((what) => {
        if (what.startsWith("b#")) throw new HoldfastError("bad", "Never.");
      });
      const two = await start(noting, { services, seed: 2, now: one.clock.now() + leasePast });
      equal((await dead(two)).length, 1);
      await two.delivered();
      deepEqual(services.seen.toSorted(), ["a#1", "b#1"]);
      deepEqual(await deadCodes(two), ["bad"]);
    },
  },
  {
    name: "faults: whoever waits for deliveries is released when the app closes, whatever its handlers do",
    async run({ start }) {
      const services = newServices(() => new Promise(() => {}));
      const run = await start(h.app({ entities: [counter, total], subscriptions: [totals] }), { services });
      await run.call(counter, "a").add({ n: 1 });
      let released = false;
      void run.delivered().then(() => (released = true));
      await eventually(() => services.seen.length === 1, "the handler");
      await Promise.all([run.close(), run.clock.advance(second)]);
      await eventually(() => released, "the end of the wait");
    },
  },
  {
    name: "faults: an app that has nothing to do asks its store next to nothing, and writes nothing",
    needs: ["faults"],
    async run({ start }) {
      const calls = new Map<string, number>();
      const through = (store: DeliveryStore): DeliveryStore =>
        around(store, (name, call) => {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          return call();
        });
      const services = newServices();
      const run = await start(h.app({ entities: [counter, total], subscriptions: [totals] }), { services, through });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      await run.clock.advance(minute);
      await run.delivered();
      calls.clear();
      for (let i = 0; i < 60; i++) {
        await run.clock.advance(minute);
        await turns();
      }
      equal(calls.get("settle") ?? 0, 0, "settle");
      equal(calls.get("append") ?? 0, 0, "append");
      equal(calls.get("take") ?? 0, 0, "take");
      // Three consumers, which look once a minute.
      for (const name of ["due", "recordsAfter"]) {
        ok((calls.get(name) ?? 0) <= 4 * 62, `${name}: ${calls.get(name)} in an hour`);
      }
      await sumIs(run, { sum: 1, count: 1 });
    },
  },
  {
    name: "faults: an event that waits long for its retry costs its store next to nothing",
    needs: ["faults"],
    async run({ start }) {
      const calls = new Map<string, number>();
      const through = (store: DeliveryStore): DeliveryStore =>
        around(store, (name, call) => {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          return call();
        });
      const services = newServices(() => {
        throw later();
      });
      const run = await start(noting, { services, through });
      for (const n of numbers(1, 3)) await run.call(counter, `a${n}`).add({ n });
      await run.delivered();
      await pass(run, 20 * minute, minute);
      calls.clear();
      services.seen.length = 0;
      for (let i = 0; i < 60; i++) {
        await run.clock.advance(minute);
        await turns();
      }
      ok(services.seen.length <= 3 * 30, `${services.seen.length} attempts in an hour`);
      for (const [name, count] of calls) ok(count <= 4 * 62 + 8 * services.seen.length, `${name}: ${count}`);
    },
  },
  {
    name: "faults: a replay whose end was not stored, as its process was no longer the owner, ends all the same",
    needs: ["faults"],
    async run({ start }) {
      const plain = h.subscription("plain", {
        to: [on(counter.events.added)],
        from: "beginning",
        handle: ({ subject }, { services }) => void services.seen.push(subject),
      });
      const app = h.app({ entities: [counter], subscriptions: [plain] });
      let refuse = false;
      const id = "0123456789abcdefghij";
      const services = newServices();
      const run = await start(app, {
        services,
        through: (store) => ({
          ...store,
          async settle(consumer, owner, progress) {
            const ends = refuse && progress.changes.some(({ kind }) => kind === "replayed");
            if (!ends) return store.settle(consumer, owner, progress);
            refuse = false;
            // Somebody else takes it, and goes away at once.
            const now = progress.until + minute;
            await store.take(consumer, { owner: "other", now, until: now + 1, longest: now + 2, start: "beginning" });
            await store.settle(consumer, "other", { position: 0, until: 0, changes: [] });
            return store.settle(consumer, owner, progress);
          },
        }),
      });
      await run.call(counter, "a").add({ n: 1 });
      await run.delivered();
      refuse = true;
      await run.journal.addReplay({ id, subscription: "plain", again: false, created: run.clock.now() });
      await run.delivered();
      await pass(run, 2 * minute, 10 * second);
      equal(refuse, false);
      deepEqual(await run.journal.replays("unfinished"), []);
    },
  },
];
