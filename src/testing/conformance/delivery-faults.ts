import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import { createRandom } from "../virtual-system.ts";
import {
  counter,
  dead,
  deadCodes,
  diaries,
  diary,
  h,
  hour,
  later,
  leasePast,
  minute,
  newServices,
  notesAre,
  pass,
  second,
  sumIs,
  total,
  totals,
  type Run,
} from "./delivery-app.ts";
import type { DeliveryCase, DeliveryStore } from "./delivery-case.ts";
import { numbers, turn } from "./fixtures.ts";
import { eventually, turns } from "./wait.ts";

const noting = h.app({ entities: [counter, diary], subscriptions: [diaries] });
const start0 = 1_767_225_600_000;

/** Calls that change something, in the order in which a process may die at them. */
const writes = ["append", "settle", "take"] as const;
const reads = ["due", "recordsAfter", "history", "record", "load"] as const;

type Call = (...args: readonly never[]) => Promise<unknown>;

/** The store with `around` around each of its calls. */
function around(store: DeliveryStore, wrap: (name: string, call: () => Promise<unknown>) => Promise<unknown>) {
  const wrapped: Record<string, Call> = {};
  for (const name of [...writes, ...reads]) {
    // Whatever it takes and gives, it is handed on.
    const call = store[name] as Call;
    wrapped[name] = (...args) => wrap(name, () => call(...args));
  }
  // The same methods by the same names.
  return { ...store, ...(wrapped as unknown as Pick<DeliveryStore, (typeof writes)[number]>) };
}

/** A process that dies at its n-th call that changes something: before that has an effect, or before it is answered. */
function mortal(at: number, when: "before" | "after") {
  let calls = 0;
  let isDead = false;
  let die = (): void => {};
  const died = new Promise<void>((resolve) => void (die = resolve));
  const through = (store: DeliveryStore): DeliveryStore => {
    const guarded = around(store, async (name, call) => {
      const last = !isDead && writes.some((write) => write === name) && ++calls === at;
      if (!isDead && !last) return call();
      isDead = true;
      if (last && when === "after") await call();
      die();
      throw later();
    });
    return { ...guarded, watch: (listener) => store.watch((...args) => (isDead ? undefined : listener(...args))) };
  };
  return { through, died, isDead: () => isDead };
}

/** Time goes by until the process has died, or has done all it can. */
async function live(run: Run, died: Promise<void>, isDead: () => boolean): Promise<void> {
  for (let i = 0; i < 5 && !isDead(); i++) {
    await Promise.race([run.delivered().catch(() => {}), died]);
    if (!isDead()) await run.clock.advance(500);
  }
}

const crashing = (when: "before" | "after"): DeliveryCase => ({
  name: `faults: a process may die at any of its writes, ${when} it has an effect: each event has its own, once, in order`,
  needs: ["faults"],
  async run({ start }) {
    let survived = false;
    let deaths = 0;
    for (let at = 1; !survived; at++) {
      ok(at < 100, "it ends");
      const id = `a${at}`;
      const now = start0 + at * hour;
      const services = newServices((what) => {
        if (what === `${id}#2/1`) throw new Error("once");
        if (what.startsWith(`${id}#4/`)) throw new HoldfastError("bad", "Never.");
      });
      const { through, died, isDead } = mortal(at, when);
      const add = async (run: Run): Promise<void> => {
        await run.call(counter, id, { key: "one" }).addAll([1, 2]);
        await run.call(counter, id, { key: "two" }).addAll([3, 4, 5]);
      };
      try {
        const one = await start(noting, { services, seed: 2 * at, now, through });
        await Promise.race([add(one).catch(() => {}), died]);
        await live(one, died, isDead);
      } catch (error) {
        // It died at its start.
        if (!isDead()) throw error;
      }
      survived = !isDead();
      if (!survived) deaths++;
      const two = await start(noting, { services, seed: 2 * at + 1, now: now + minute });
      await add(two);
      await pass(two, 3_000);
      await notesAre(two, id, ["1:1", "2:2", "3:3", "5:5"]);
      const letters = await dead(two);
      equal(letters.filter(({ stream }) => stream?.id === id).length, 1, `one dead letter, having died at ${at}`);
      await two.close();
    }
    ok(deaths > 8, `${deaths} deaths`);
  },
});

/** What breaks, breaks this often. */
const chaotic = (seed: number): DeliveryCase => ({
  name: `faults: calls that fail, or whose answers are lost, change nothing but the time that it takes (${seed})`,
  needs: ["faults"],
  async run({ start }) {
    const random = createRandom(seed);
    let broken = true;
    const services = newServices((what) => {
      if (what.startsWith("c2#3/")) throw new HoldfastError("bad", "Never.");
    });
    const through = (store: DeliveryStore): DeliveryStore =>
      around(store, async (name, call) => {
        const luck = broken ? random() : 1;
        if (luck < 0.1) {
          if (name !== "append") throw later();
          return "unknown";
        }
        const answer = await call();
        if (luck > 0.2) return answer;
        if (name !== "append") throw later();
        return "unknown";
      });
    // What starts has to reach its store.
    broken = false;
    const run = await start(noting, { services, seed, through });
    broken = true;
    const ids = numbers(1, 6).map((n) => `c${n}`);
    const add = async (id: string): Promise<void> => {
      for (let n = 1; n <= 5; ) {
        try {
          await run.call(counter, id, { key: `${n}` }).add({ n });
          n++;
        } catch (error) {
          // The same key: it has one effect.
          if (!(error instanceof HoldfastError) || error.retry === "never") throw error;
          await turn();
        }
      }
    };
    let added = 0;
    for (const id of ids) void add(id).then(() => added++);
    for (let i = 0; i < 400 && added < ids.length; i++) {
      await run.clock.advance(100);
      await turns();
    }
    for (let i = 0; i < 40; i++) {
      await run.clock.advance(500);
      await turns();
    }
    broken = false;
    await run.clock.advance(10 * minute);
    await pass(run, 10 * minute, 10 * second);
    equal(added, ids.length);
    for (const id of ids) {
      const notes = numbers(1, 5).map((n) => `${n}:${n}`);
      await notesAre(run, id, id === "c2" ? notes.toSpliced(2, 1) : notes);
    }
    deepEqual(await deadCodes(run), ["bad"]);
  },
});

/** What happens when something breaks. */
export const faultCases: readonly DeliveryCase[] = [
  crashing("before"),
  crashing("after"),
  chaotic(1),
  chaotic(2),
  chaotic(3),
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
