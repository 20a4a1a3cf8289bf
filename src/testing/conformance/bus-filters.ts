import { deepEqual, ok } from "node:assert/strict";
import type { Publication } from "../../core/broker/bus.ts";
import { matches } from "../../core/messaging/filter.ts";
import type { BusCase, OpenBus } from "./bus-case.ts";
import { allTaken, busApp, type Data, eventOf, hostile, idsOf } from "./bus-fixtures.ts";

const data: readonly Data[] = [
  {},
  ...hostile.flatMap((text) => [{ text }, { mixed: text }, { text: `${text}A` }]),
  ...[0, -0, 5, 7, -1.5, -1.50001, 9.99999, 10, -0.00001, 0.000001, 1e9, -1e9, 1e9 + 1, 2 ** 53].flatMap((count) => [
    { count },
    { count, mixed: count },
  ]),
  { flag: true },
  { flag: false },
  { mixed: true },
  { mixed: false },
  { text: "AT", count: 1, flag: true },
  { text: "AT", count: 0, flag: true },
  { text: "AT", count: 1 },
  { text: "at", count: 7 },
  { type: "a", prefix: "bc" },
  { type: "a", prefix: "c" },
  { type: "thing.happened" },
  // Longer than brokers carry it, and longer than a filter can be.
  { text: "A".repeat(5_000), mixed: "💥".repeat(3_000) },
];

/** The ids of what a subscription wants, as the matcher of the core says. */
function wanted(name: string, published: readonly (readonly [Publication, Data])[]): readonly string[] {
  const wants = busApp.subscriptions.get(name)?.wants.get("thing");
  return published
    .filter(([{ type }, values]) =>
      (wants?.get(type.slice("thing.".length)) ?? []).some((filter) => matches(filter, values)),
    )
    .map(([{ id }]) => id);
}

async function received({ drain }: OpenBus, name: string): Promise<readonly string[]> {
  return idsOf(await drain(`subscription:${name}`)).toSorted();
}

export const filterCases: readonly BusCase[] = [
  {
    name: "hands each subscription the events that its filters let through, and no others",
    async run(context) {
      const open = await context.open(busApp);
      const published = ["happened", "other"].flatMap((type) =>
        data.map((values, i) => [eventOf(`${type}${i}`, `${type}${i}`, values, type), values] as const),
      );
      allTaken(await open.bus.publish(published.map(([event]) => event)), published.length);
      for (const name of busApp.subscriptions.keys()) {
        const expected = wanted(name, published);
        ok(expected.length > 0, name);
        deepEqual(await received(open, name), expected.toSorted(), name);
      }
    },
  },
  {
    name: "hands an event whose fields nobody can read to every subscription that wants its type, and to no other",
    async run(context) {
      const open = await context.open(busApp);
      allTaken(await open.bus.publish([{ ...eventOf("a", "a0"), fields: undefined }]), 1);
      for (const [name, { wants }] of busApp.subscriptions) {
        const expected = wants.get("thing")?.has("happened") ? ["a0"] : [];
        deepEqual(await received(open, name), expected, name);
      }
    },
  },
];
