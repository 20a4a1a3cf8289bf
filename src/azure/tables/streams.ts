import { odata } from "@azure/data-tables";
import { codedKey, entityPrefix, plainBeginning, rowKeys, streamOf } from "./names.ts";
import { pagesOf, type Requests } from "./requests.ts";

interface StreamsRange {
  readonly tenant: string;
  readonly entity: string;
  readonly after?: string;
  readonly limit: number;
}

/**
 * Ids of an entity's streams in ascending UTF-8 order: a scan of the entity's partitions, in the order of their keys. Ids
 * that are keys as they are, and those in base64, are two ranges, each in that order. For tools only.
 */
export async function scanStreams(requests: Requests, range: StreamsRange): Promise<readonly string[]> {
  const { tenant, entity, after, limit } = range;
  const prefix = entityPrefix(tenant, entity);
  if (limit < 1) return [];
  const found = [
    ...(await scan(requests, range, `${prefix}${plainBeginning(after ?? "")}`, `${prefix}~`)),
    ...(await scan(requests, range, `${prefix}${after === undefined ? "~" : codedKey(after)}`, `${prefix}~~`)),
  ];
  return found
    .toSorted((a, b) => Buffer.compare(a, b))
    .slice(0, limit)
    .map(String);
}

/** The first `limit` ids of one range of partitions, as UTF-8. */
async function scan(
  requests: Requests,
  { after, limit }: StreamsRange,
  from: string,
  to: string,
): Promise<readonly Buffer[]> {
  const bound = after === undefined ? undefined : Buffer.from(after);
  const found: Buffer[] = [];
  // Every stream has one first record.
  const filter = odata`PartitionKey ge ${from} and PartitionKey lt ${to} and RowKey eq ${rowKeys.record(1)}`;
  const pages = pagesOf(requests, filter, { limit: Math.min(limit + 1, 1_000), select: ["partitionKey"] });
  for await (const { rows } of pages) {
    for (const { partitionKey = "" } of rows) {
      const id = Buffer.from(streamOf(partitionKey)?.id ?? "");
      if (bound === undefined || Buffer.compare(id, bound) > 0) found.push(id);
    }
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}
