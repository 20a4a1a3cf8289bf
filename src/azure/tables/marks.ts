import type { MarkStore } from "../../core/broker/marks.ts";
import { putUnlessLater } from "./conditions.ts";
import { loadAfter, publishedIn } from "./load.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { query, type Requests } from "./requests.ts";
import { sequenceOf } from "./rows.ts";

/**
 * How far streams are published: as the newest records say, and a row of the stream's own, which only whoever looks after
 * what was left behind writes. It lies between the snapshot and the newest record, so that one query meets all.
 */
export function createMarkStore(requests: Requests): MarkStore {
  return {
    async unpublished(stream, limit) {
      let published = 0;
      let newest = 0;
      const range = {
        from: rowKeys.published,
        to: rowKeys.end(rowKeys.newest),
        limit: 2,
        select: ["rowKey", "published"],
      };
      for await (const { rows } of query(requests, partitionOf(stream), range)) {
        for (const row of rows) {
          published = Math.max(published, publishedIn(row));
          if (row.rowKey !== rowKeys.published) newest = Math.max(newest, sequenceOf(row));
        }
        if (newest > 0) break;
      }
      return { published, records: newest > published ? await loadAfter(requests, stream, published, limit) : [] };
    },
    setPublished(stream, sequence) {
      const key = { partitionKey: partitionOf(stream), rowKey: rowKeys.published };
      const isEarlier = (found: Parameters<typeof publishedIn>[0]): boolean => publishedIn(found) < sequence;
      return putUnlessLater(requests, { ...key, published: BigInt(sequence) }, isEarlier);
    },
  };
}
