import { deepEqual, equal } from "node:assert/strict";
import type { PlaceStore } from "../../core/broker/places.ts";
import { cart, other } from "./fixtures.ts";

/** What a case runs with: a store of its own, empty at the start; another instance on the same store at each call. */
export interface PlaceContext {
  open(): Promise<PlaceStore> | PlaceStore;
}

/** One claim about every store of places. */
export interface PlaceCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  readonly needs?: readonly never[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the store threw. */
  run(context: PlaceContext): Promise<void>;
}

const one = "subscription:one";
const two = "subscription:two";

/**
 * The specification of the port `PlaceStore` as cases: data, for whichever test runner.
 * Source: `src/core/broker/places.ts`; every sentence of it has a case.
 */
export const placeConformance: readonly PlaceCase[] = [
  {
    name: "places: where nothing was saved, there is no place, and no backfill is over",
    async run({ open }) {
      const store = await open();
      equal(await store.place(one, cart), undefined);
      equal(await store.backfilled(one), undefined);
    },
  },
  {
    name: "places: what was saved is read, of each consumer and stream by itself",
    async run({ open }) {
      const store = await open();
      await store.savePlace(one, cart, { sequence: 2, n: 1 });
      await store.savePlace(two, cart, { sequence: 3, n: 4 });
      await store.savePlace(one, other, { sequence: 5, n: 6 });
      await store.savePlace(one, { ...cart, tenant: "elsewhere" }, { sequence: 7, n: 8 });
      deepEqual(await store.place(one, cart), { sequence: 2, n: 1 });
      deepEqual(await store.place(two, cart), { sequence: 3, n: 4 });
      deepEqual(await store.place(one, other), { sequence: 5, n: 6 });
      deepEqual(await store.place(one, { ...cart, tenant: "elsewhere" }), { sequence: 7, n: 8 });
      equal(await store.place(two, other), undefined);
    },
  },
  {
    name: "places: a later place takes the place of an earlier one, and never the other way round",
    async run({ open }) {
      const store = await open();
      const steps = [
        [9, 9],
        [10, 1],
        [10, 2],
        [10, 10],
        [9_007_199_254_740_991, 1],
      ] as const;
      for (const [sequence, n] of steps) {
        await store.savePlace(one, cart, { sequence, n });
        deepEqual(await store.place(one, cart), { sequence, n });
      }
      for (const [sequence, n] of steps.toReversed()) await store.savePlace(one, cart, { sequence, n });
      deepEqual(await store.place(one, cart), { sequence: 9_007_199_254_740_991, n: 1 });
    },
  },
  {
    name: "places: a backfill is over since the latest time that was said, of each consumer by itself",
    async run({ open }) {
      const store = await open();
      await store.setBackfilled(one, 1_000);
      await store.setBackfilled(one, 2_000);
      await store.setBackfilled(one, 500);
      equal(await store.backfilled(one), 2_000);
      equal(await store.backfilled(two), undefined);
      equal(await store.place(one, cart), undefined);
    },
  },
  {
    name: "places: what one instance has saved, another one reads",
    async run({ open }) {
      const [first, second] = [await open(), await open()];
      await first.savePlace(one, cart, { sequence: 1, n: 1 });
      await second.setBackfilled(one, 1_000);
      deepEqual(await second.place(one, cart), { sequence: 1, n: 1 });
      equal(await first.backfilled(one), 1_000);
    },
  },
];
