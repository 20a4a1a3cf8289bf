import { deepEqual, equal } from "node:assert/strict";
import type { BusCase } from "./bus-case.ts";
import { allTaken, busApp, eventOf, idsOf, parcelOf, streamOf } from "./bus-fixtures.ts";

const streams = ["a", "b", "c"];

/** Of one stream's: ids begin with it. */
function of(stream: string, ids: readonly string[]): readonly string[] {
  return ids.filter((id) => id.startsWith(stream));
}

const numbers = Array.from({ length: 12 }, (_, i) => i);

export const orderCases: readonly BusCase[] = [
  {
    name: "hands a stream's events to each subscription in the order in which they were published, call by call",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      for (const i of numbers) {
        allTaken(await bus.publish(streams.map((stream) => eventOf(stream, `${stream}${i}`, { text: "AT" }))), 3);
      }
      for (const name of ["all", "one-of"]) {
        const ids = idsOf(await drain(`subscription:${name}`));
        equal(ids.length, 36, name);
        for (const stream of streams)
          deepEqual(
            of(stream, ids),
            numbers.map((i) => `${stream}${i}`),
            name,
          );
      }
    },
  },
  {
    name: "hands a stream's messages out in the order in which they were sent, call by call",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      for (const i of numbers) {
        const parcels = streams.map((stream) => parcelOf(`${stream}${i}`, { stream: streamOf(stream) }));
        allTaken(await bus.send("sends", parcels), 3);
      }
      const ids = idsOf(await drain("sends"));
      for (const stream of streams)
        deepEqual(
          of(stream, ids),
          numbers.map((i) => `${stream}${i}`),
        );
    },
  },
  {
    name: "keeps the order of one stream's messages of one call",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const parcels = numbers.map((i) => parcelOf(`a${i}`, { stream: streamOf("a") }));
      allTaken(await bus.send("subscription:all", parcels), 12);
      deepEqual(
        idsOf(await drain("subscription:all")),
        numbers.map((i) => `a${i}`),
      );
    },
  },
  {
    name: "puts the messages of one stream into one group, and those of others into others",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      await bus.publish([eventOf("a", "a0"), eventOf("b", "b0")]);
      await bus.publish([eventOf("a", "a1")]);
      await bus.send("subscription:all", [parcelOf("a2", { stream: streamOf("a") })]);
      const groups = new Map<string, Set<string | undefined>>();
      for (const message of await drain("subscription:all")) {
        const [stream = ""] = idsOf([message])[0] ?? "";
        groups.set(stream, (groups.get(stream) ?? new Set()).add(message.group));
      }
      deepEqual(
        [...groups.values()].map(({ size }) => size),
        [1, 1],
      );
      equal(new Set([...groups.values()].flatMap((some) => [...some])).size, 2);
    },
  },
];
