import { deepEqual } from "node:assert/strict";
import type { BusCase } from "./bus-case.ts";
import { allTaken, busApp, idsOf, parcelOf } from "./bus-fixtures.ts";

const minute = 60_000;
const day = 1_440 * minute;

/** How long before its time a message may come, and how much later it is there for sure. */
const earlyMs = 2 * minute;
const lateMs = minute;

function waiting(ms: number): BusCase["run"] {
  return async (context) => {
    const { bus, now, advance, drain } = await context.open(busApp);
    const notBefore = now() + ms;
    allTaken(await bus.send("timers", [parcelOf("m0", { notBefore })]), 1);
    deepEqual(idsOf(await drain("timers")), []);
    await advance(Math.max(0, ms - earlyMs - 1_000));
    deepEqual(idsOf(await drain("timers")), []);
    await advance(notBefore + lateMs - now());
    deepEqual(idsOf(await drain("timers")), ["m0"]);
    await advance(day);
    deepEqual(idsOf(await drain("timers")), []);
  };
}

export const timeCases: readonly BusCase[] = [
  { name: "holds a message back for some minutes", run: waiting(5 * minute) },
  { name: "holds a message back for a quarter of an hour", run: waiting(15 * minute) },
  { name: "holds a message back for a little more than a quarter of an hour", run: waiting(15 * minute + 1) },
  { name: "holds a message back for a month", run: waiting(30 * day + 12_345) },
  {
    name: "hands out at once what was due already",
    async run(context) {
      const { bus, now, drain } = await context.open(busApp);
      allTaken(await bus.send("timers", [parcelOf("m0", { notBefore: now() }), parcelOf("m1", { notBefore: 1 })]), 2);
      deepEqual(idsOf(await drain("timers")).toSorted(), ["m0", "m1"]);
    },
  },
  {
    name: "takes a message that is due in a month as often as it is sent, and hands it out at least once",
    async run(context) {
      const { bus, now, advance, drain } = await context.open(busApp);
      const parcel = parcelOf("m0", { notBefore: now() + 30 * day });
      for (let i = 0; i < 3; i++) allTaken(await bus.send("timers", [parcel]), 1);
      await advance(30 * day + lateMs);
      deepEqual([...new Set(idsOf(await drain("timers")))], ["m0"]);
    },
  },
  {
    name: "takes messages of different times in one call",
    async run(context) {
      const { bus, now, advance, drain } = await context.open(busApp);
      const waits = [0, 10 * minute, day, 20 * minute, 1, 2 * day];
      const parcels = waits.map((wait) => parcelOf(`after ${wait}`, { notBefore: now() + wait }));
      allTaken(await bus.send("timers", parcels), waits.length);
      const found: string[] = [];
      for (const wait of waits.toSorted((a, b) => a - b)) {
        await advance(Math.max(0, (parcels.find(({ id }) => id === `after ${wait}`)?.notBefore ?? 0) + lateMs - now()));
        found.push(...idsOf(await drain("timers")));
      }
      deepEqual(found.toSorted(), parcels.map(({ id }) => id).toSorted());
    },
  },
];
