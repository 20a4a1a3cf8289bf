import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { Loaded, StoredKey, StoredRecord, StreamId } from "../../core/journal/port.ts";
import { inflated } from "./body.ts";
import { damaged, type Head, headOf, isHead, type Item, recordOf, sequenceOf } from "./items.ts";
import { keyOf, sortKeys } from "./names.ts";
import { keysOf } from "./pages.ts";
import { query, type Range, type Requests } from "./requests.ts";

/** Snapshots in parts that may be replaced under a reader before it gives up. */
const attemptsMax = 8;

const lastRecord = sortKeys.end("r");

/** The tail behind a sequence, oldest first. */
export async function loadAfter(
  requests: Requests,
  stream: StreamId,
  after: number,
  limit: number = Number.MAX_SAFE_INTEGER,
): Promise<readonly StoredRecord[]> {
  const range: Range = { from: sortKeys.record(after + 1), to: lastRecord };
  const records: StoredRecord[] = [];
  // A limit of a thousand records is more than a page holds, as a rule.
  const pages = query(requests, stream, limit <= 1_000 ? { ...range, limit } : range);
  for await (const { items } of pages) {
    for (const item of items) records.push(recordOf(item));
    if (records.length >= limit) break;
  }
  return records.slice(0, limit);
}

/**
 * The newest snapshot and the tail behind it: one descending query, which meets the snapshot, then the newest records.
 * How long the tail is, nobody knows before; where it is longer than `tailMax` a second query reads the rest of it.
 */
export async function loadNewest(requests: Requests, stream: StreamId, tailMax: number): Promise<Loaded> {
  for (let attempt = 1; ; attempt++) {
    const { head, tail } = await readNewest(requests, stream, tailMax);
    const records = tail.map(recordOf).toReversed();
    if (head === undefined) return { records };
    const { sequence, revision, horizon } = head;
    const body = await readBody(requests, stream, head);
    if (body !== undefined) return { snapshot: { sequence, revision, horizon, body }, records };
    // Its parts are gone: a newer one has replaced it meanwhile.
    if (attempt === attemptsMax) throw damaged("a snapshot in parts");
  }
}

async function readNewest(
  requests: Requests,
  stream: StreamId,
  tailMax: number,
): Promise<{ readonly head: Head | undefined; readonly tail: readonly Item[] }> {
  const range: Range = { from: sortKeys.record(1), to: sortKeys.snapshot, descending: true };
  const tail: Item[] = [];
  let head: Head | undefined;
  // One page: the rest, if there is one, has another range.
  const { value: first } = await query(requests, stream, { ...range, limit: tailMax + 1 }).next();
  for (const item of first?.items ?? []) {
    if (isHead(item)) head = headOf(item);
    else if (sequenceOf(item) > (head?.sequence ?? 0)) tail.push(item);
  }
  const oldest = first?.items.at(-1);
  const isWhole = first?.more !== true || oldest !== (tail.at(-1) ?? first.items[0]);
  if (isWhole) return { head, tail };
  const rest: Range = {
    from: sortKeys.record((head?.sequence ?? 0) + 1),
    to: oldest === undefined || isHead(oldest) ? lastRecord : sortKeys.record(sequenceOf(oldest) - 1),
    descending: true,
  };
  for await (const { items } of query(requests, stream, rest)) tail.push(...items);
  return { head, tail };
}

/** The body of a snapshot; undefined where its parts are not there any more. */
async function readBody(requests: Requests, stream: StreamId, { body }: Head): Promise<string | undefined> {
  if (body.kind === "text") return body.text;
  if (body.kind === "deflated") return inflated(body.bytes);
  const prefix = `${sortKeys.snapshot}/${body.generation}/`;
  const parts: Uint8Array[] = [];
  for await (const { items } of query(requests, stream, { from: prefix, to: sortKeys.end(prefix) })) {
    for (const { bytes } of items) if (bytes?.B !== undefined) parts.push(bytes.B);
  }
  return parts.length === body.count ? inflated(Buffer.concat(parts)) : undefined;
}

/** Point read. */
export async function readRecord(
  requests: Requests,
  stream: StreamId,
  sequence: number,
): Promise<StoredRecord | undefined> {
  const command = new GetItemCommand({
    TableName: requests.table,
    Key: keyOf(stream, sortKeys.record(sequence)),
    ConsistentRead: true,
  });
  const { Item: item } = await requests.read((client, how) => client.send(command, how));
  return item && recordOf(item);
}

/** The pages of keys whose sequence lies within the bounds. */
export async function loadPages(
  requests: Requests,
  stream: StreamId,
  from: number,
  to: number,
): Promise<readonly (readonly StoredKey[])[]> {
  const pages = new Map<number, StoredKey[]>();
  const range = { from: sortKeys.page(from, 0), to: sortKeys.page(to, 999) };
  for await (const { items } of query(requests, stream, range)) {
    for (const item of items) {
      const sequence = sequenceOf(item);
      const page = pages.get(sequence) ?? [];
      pages.set(sequence, page);
      for (const key of keysOf(item)) page.push(key);
    }
  }
  return [...pages.values()];
}
