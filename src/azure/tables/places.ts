import type { Place, PlaceStore } from "../../core/broker/places.ts";
import { isBefore } from "../../core/broker/places.ts";
import type { StreamId } from "../../core/journal/port.ts";
import { putUnlessLater } from "./conditions.ts";
import { keyOf, partitionOf } from "./names.ts";
import { checkTablesOptions, type TablesOptions } from "./options.ts";
import { createRequests } from "./requests.ts";
import { numberOf, type StoredRow } from "./rows.ts";

/** When backfills were over, each at its consumer. */
const marksPartition = "$places";

/**
 * How far subscriptions that begin at the beginning are, in the journal's own table, in partitions that belong to no
 * stream: one for each stream, so that none is hot.
 *
 *     $places.<stream>   <consumer>   the record, and what is in it
 *     $places            <consumer>   when the backfill was over
 *
 * @throws HoldfastError `invalid-options`
 */
export function createTablesPlaces(options: Omit<TablesOptions, "tailMax">): PlaceStore {
  checkTablesOptions(options);
  const requests = createRequests(options);

  return {
    async place(consumer, stream) {
      const row = await requests.get(placesOf(stream), keyOf(consumer));
      return row && placeOf(row);
    },
    savePlace(consumer, stream, place) {
      const key = { partitionKey: placesOf(stream), rowKey: keyOf(consumer) };
      const row = { ...key, sequence: BigInt(place.sequence), n: BigInt(place.n) };
      return putUnlessLater(requests, row, (found) => isBefore(placeOf(found), place));
    },
    async backfilled(consumer) {
      const row = await requests.get(marksPartition, keyOf(consumer));
      return row && timeOf(row);
    },
    setBackfilled(consumer, at) {
      const row = { partitionKey: marksPartition, rowKey: keyOf(consumer), at: BigInt(at) };
      return putUnlessLater(requests, row, (found) => timeOf(found) < at);
    },
  };
}

/** At most 457 of the 512 characters of a key. */
function placesOf(stream: StreamId): string {
  return `${marksPartition}.${partitionOf(stream)}`;
}

/** @throws HoldfastError `journal-corrupt` where it is not what was written here */
function placeOf(row: StoredRow): Place {
  const what = "the place of a subscription in a stream";
  return { sequence: numberOf(row["sequence"], 1, what), n: numberOf(row["n"], 1, what) };
}

function timeOf(row: StoredRow): number {
  return numberOf(row["at"], 0, "the end of a backfill");
}
