import { createMemoryPlaces } from "holdfast/memory";
import { placeConformance, type PlaceContext } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { caught } from "./cases.ts";

type Store = ReturnType<typeof createMemoryPlaces>;

/** One store for all instances of a case, with some methods replaced; the new ones get the sound store. */
function broken(change: (sound: Store) => Partial<Store>): () => PlaceContext {
  return () => {
    const sound = createMemoryPlaces();
    const store = { ...sound, ...change(sound) };
    return { open: () => store };
  };
}

const mutants: Readonly<Record<string, () => PlaceContext>> = {
  "forgets places": broken(() => ({ savePlace: async () => {} })),
  "goes back": broken(() => {
    const places = new Map<string, { readonly sequence: number; readonly n: number }>();
    return {
      place: async (consumer, { tenant, id }) => places.get(`${consumer} ${tenant} ${id}`),
      savePlace: async (consumer, { tenant, id }, place) => void places.set(`${consumer} ${tenant} ${id}`, place),
    };
  }),
  "looks at the record only": broken((sound) => ({
    async savePlace(consumer, stream, place) {
      if ((await sound.place(consumer, stream))?.sequence !== place.sequence)
        await sound.savePlace(consumer, stream, place);
    },
  })),
  "has one place for all consumers": broken((sound) => ({
    place: (_, stream) => sound.place("all", stream),
    savePlace: (_, ...rest) => sound.savePlace("all", ...rest),
  })),
  "has one place for all tenants": broken((sound) => ({
    place: (consumer, stream) => sound.place(consumer, { ...stream, tenant: "all" }),
    savePlace: (consumer, stream, place) => sound.savePlace(consumer, { ...stream, tenant: "all" }, place),
  })),
  "moves the end of a backfill back": broken(() => {
    const ends = new Map<string, number>();
    return {
      backfilled: async (consumer) => ends.get(consumer),
      setBackfilled: async (consumer, at) => void ends.set(consumer, at),
    };
  }),
  "ends the backfill of all consumers": broken((sound) => ({
    backfilled: () => sound.backfilled("all"),
    setBackfilled: (_, at) => sound.setBackfilled("all", at),
  })),
  "shares nothing between instances": () => ({ open: createMemoryPlaces }),
};

describe("the suite for places catches a store that", () => {
  test.each(Object.entries(mutants))("%s", async (_, context) => {
    expect(await caught(placeConformance, [], context)).not.toEqual([]);
  });
});

test("the suite for places finds nothing wrong with a sound store", async () => {
  expect(
    await caught(
      placeConformance,
      [],
      broken(() => ({})),
    ),
  ).toEqual([]);
});
