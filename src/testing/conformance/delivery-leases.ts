import { deepEqual, ok } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import {
  counter,
  dead,
  h,
  leasePast,
  minute,
  newServices,
  notesAre,
  pass,
  sumIs,
  summing,
  total,
  noting,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { eventually, turns } from "./wait.ts";

/** Consumers across restarts and instances. */
export const leaseCases: readonly DeliveryCase[] = [
  {
    name: "subscriptions: a restart goes on where the cursor stands, parked entities included",
    async run({ start }) {
      const failing = newServices((what) => {
        if (what.startsWith("a#1")) throw new Error("no");
      });
      const one = await start(summing, { services: failing });
      for (const n of [1, 2]) await one.call(counter, "a").add({ n });
      await one.call(counter, "b").add({ n: 4 });
      await one.delivered();
      deepEqual(failing.seen, ["a#1", "b#1"]);
      await one.close();
      const services = newServices();
      const two = await start(summing, { services, seed: 2, now: one.clock.now() + minute });
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
        const run = await start(summing, { services: failing, seed, ...(now !== undefined && { now }) });
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
      const one = await start(summing, { services });
      const idle = newServices();
      const two = await start(summing, { services: idle, seed: 2 });
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
      const one = await start(summing, { services: slow });
      await one.call(counter, "a").add({ n: 1 });
      const waiting = one.delivered();
      await eventually(() => slow.seen.length === 1, "the handler");
      const services = newServices();
      const two = await start(summing, { services, seed: 2, now: one.clock.now() + leasePast });
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
];
