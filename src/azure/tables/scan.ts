import { odata } from "@azure/data-tables";
import type { StoredRecord, StreamId } from "../../core/journal/port.ts";
import { loadAfter } from "./load.ts";
import { entityPrefix, partitionOf, rowKeys, streamOf } from "./names.ts";
import { checkTablesOptions, type TablesOptions } from "./options.ts";
import { createRequests, pagesOf, query, type Requests } from "./requests.ts";
import { sequenceOf } from "./rows.ts";

export interface RecordsRange {
  readonly tenant?: string | undefined;
  /** Only with a tenant. */
  readonly entity?: string | undefined;
  /** Committed at that time or later, epoch milliseconds. */
  readonly since?: number | undefined;
}

/** Records of one request. */
const recordsMax = 100;

/**
 * All records of the table, in pages: stream after stream, each stream's in its own order. One query for 1,000 streams, and
 * for each stream one, and one for each 100 records. For tools only.
 * @throws HoldfastError `journal-corrupt`, `overloaded` (later), `journal-failed` (later), `journal-unavailable`
 */
export async function* scanRecords(
  options: Omit<TablesOptions, "tailMax">,
  range: RecordsRange = {},
): AsyncGenerator<readonly { readonly stream: StreamId; readonly record: StoredRecord }[], void, undefined> {
  checkTablesOptions(options);
  const requests = createRequests(options);
  for await (const { rows } of pagesOf(requests, firstRecords(range), { select: ["partitionKey"] })) {
    for (const { partitionKey = "" } of rows) {
      const stream = streamOf(partitionKey);
      if (stream === undefined || (range.entity !== undefined && stream.entity !== range.entity)) continue;
      const bounds = await boundsOf(requests, stream, range.since ?? 0);
      for (let after = bounds.first - 1; after < bounds.last; after += recordsMax) {
        const limit = Math.min(recordsMax, bounds.last - after);
        yield (await loadAfter(requests, stream, after, limit)).map((record) => ({ stream, record }));
      }
    }
  }
}

/** Every stream has one first record. */
function firstRecords({ tenant, entity }: RecordsRange): string {
  const first = odata`RowKey eq ${rowKeys.record(1)}`;
  if (tenant === undefined) return first;
  const from = entity === undefined ? `${tenant}.` : entityPrefix(tenant, entity);
  return `${odata`PartitionKey ge ${from} and PartitionKey lt ${`${from}~~`}`} and ${first}`;
}

/** The first and the last record of a stream that were committed at that time or later; none: the last is before the first. */
async function boundsOf(
  requests: Requests,
  stream: StreamId,
  since: number,
): Promise<{ readonly first: number; readonly last: number }> {
  const range = { from: rowKeys.newest, to: rowKeys.end(rowKeys.newest), select: ["rowKey"] };
  const limited = since <= 0 ? { ...range, limit: 1 } : { ...range, where: odata`time ge ${since}L` };
  let first = Number.MAX_SAFE_INTEGER;
  let last = 0;
  for await (const { rows } of query(requests, partitionOf(stream), limited)) {
    for (const row of rows) {
      last = Math.max(last, sequenceOf(row));
      first = Math.min(first, sequenceOf(row));
    }
    if (since <= 0 && last > 0) return { first: 1, last };
  }
  return { first, last };
}
