import { isBefore, type Place, type PlaceStore } from "../core/broker/places.ts";
import { streamKey } from "../core/runtime/live.ts";

/** How far subscriptions have come in older streams, in this process's memory. */
export function createMemoryPlaces(): PlaceStore {
  const places = new Map<string, Place>();
  const backfilled = new Map<string, number>();
  return {
    async place(consumer, stream) {
      return places.get(`${consumer} ${streamKey(stream)}`);
    },
    async savePlace(consumer, stream, place) {
      const key = `${consumer} ${streamKey(stream)}`;
      const known = places.get(key);
      if (known === undefined || isBefore(known, place)) places.set(key, place);
    },
    async backfilled(consumer) {
      return backfilled.get(consumer);
    },
    async setBackfilled(consumer, at) {
      backfilled.set(consumer, Math.max(at, backfilled.get(consumer) ?? 0));
    },
  };
}
