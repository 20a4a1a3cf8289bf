import { deepEqual, equal, ok } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { on } from "../../core/messaging/filter.ts";
import {
  counter,
  dead,
  deadCodes,
  erase,
  h,
  later,
  minute,
  newServices,
  notesAre,
  noting,
  pass,
  recordsOf,
  redriveAll,
  summing,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";

/** What a stream holds: records of several events, many of them, none any more. */
export const streamCases: readonly DeliveryCase[] = [
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
      const run = await start(summing, { services });
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
      const run = await start(summing, { services });
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
];
