import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { Place, PlaceStore } from "../../core/broker/places.ts";
import type { StreamId } from "../../core/journal/port.ts";
import { putUnlessLater } from "./conditions.ts";
import { type Item, numberOf } from "./items.ts";
import { partitionOf } from "./names.ts";
import { checkDynamoOptions, type DynamoOptions } from "./options.ts";
import { createRequests } from "./requests.ts";

/**
 * How far subscriptions that begin at the beginning are, in the journal's own table, in partitions that belong to no
 * stream: a row for each subscription and stream, so that no partition is hot.
 *
 *     $places/<consumer>/<stream>   place        16 digits of the record, 5 of what is in it
 *     $places/<consumer>            backfilled   when the backfill was over
 *
 * @throws HoldfastError `invalid-options`
 */
export function createDynamoPlaces(options: Omit<DynamoOptions, "tailMax">): PlaceStore {
  checkDynamoOptions(options);
  const { table: TableName } = options;
  const requests = createRequests(options);

  async function get(Key: Item): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName, Key, ConsistentRead: true });
    const { Item: item } = await requests.read((client, how) => client.send(command, how));
    return item;
  }

  return {
    async place(consumer, stream) {
      const item = await get(placeKey(consumer, stream));
      return item && placeOf(item);
    },
    savePlace(consumer, stream, place) {
      return putUnlessLater(requests, { ...placeKey(consumer, stream), at: { S: textOf(place) } }, "at");
    },
    async backfilled(consumer) {
      const item = await get(markKey(consumer));
      return item && numberOf(item["at"], 0, "the end of a backfill");
    },
    setBackfilled(consumer, at) {
      return putUnlessLater(requests, { ...markKey(consumer), at: { N: String(at) } }, "at");
    },
  };
}

function placeKey(consumer: string, stream: StreamId): Item {
  return { pk: { S: `$places/${consumer}/${partitionOf(stream)}` }, sk: { S: "place" } };
}

function markKey(consumer: string): Item {
  return { pk: { S: `$places/${consumer}` }, sk: { S: "backfilled" } };
}

/** In the order of places. */
function textOf({ sequence, n }: Place): string {
  return `${String(sequence).padStart(16, "0")}/${String(n).padStart(5, "0")}`;
}

/** @throws HoldfastError `journal-corrupt` where it is not what was written here */
function placeOf(item: Item): Place {
  const [sequence = "", n = ""] = (item["at"]?.S ?? "").split("/");
  const number = (text: string): number => numberOf({ N: text }, 1, "the place of a subscription in a stream");
  return { sequence: number(sequence), n: number(n) };
}
