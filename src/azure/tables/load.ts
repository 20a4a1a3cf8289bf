import type { Loaded, StoredRecord, StreamId } from "../../core/journal/port.ts";
import { type Heads, type SeenHead, seenHead } from "./heads.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { bytesIn, inflated, textIn } from "./payload.ts";
import { query, type Requests } from "./requests.ts";
import { damaged, headOf, numberOf, recordHeaderOf, sequenceOf, type StoredRow } from "./rows.ts";

/** Snapshots in parts that may be replaced under a reader before it gives up. */
const attemptsMax = 8;

/** @throws HoldfastError `journal-corrupt` where it is not a record that was written here */
async function recordOf(row: StoredRow): Promise<StoredRecord> {
  return { ...recordHeaderOf(row), entries: await textIn(row, "entries", "a record") };
}

/** Records that were read newest first, oldest first. */
function recordsOf(rows: readonly StoredRow[]): Promise<readonly StoredRecord[]> {
  return Promise.all(rows.map(recordOf).toReversed());
}

/** Up to `limit` records behind a sequence, oldest first: where they would be, since sequences are dense. */
export async function loadAfter(
  requests: Requests,
  stream: StreamId,
  after: number,
  limit: number = Number.MAX_SAFE_INTEGER,
): Promise<readonly StoredRecord[]> {
  const first = Math.max(0, after) + 1;
  const last = Math.min(Number.MAX_SAFE_INTEGER, first + limit - 1);
  if (last < first) return [];
  const range = { from: rowKeys.record(last), to: rowKeys.record(first) };
  const rows: StoredRow[] = [];
  for await (const page of query(requests, partitionOf(stream), range)) rows.push(...page.rows);
  return recordsOf(rows);
}

/**
 * The newest snapshot, the tail behind it, and up to where the stream is published (0: nobody knows): one query, which meets
 * the snapshot, then the newest records. How long the tail is, nobody knows before; where it is longer than `tailMax` a
 * second query reads the rest of it.
 */
export async function loadNewest(
  requests: Requests,
  heads: Heads,
  stream: StreamId,
  tailMax: number,
): Promise<Loaded & { readonly published: number }> {
  for (let attempt = 1; ; attempt++) {
    const { snapshot, tail, published } = await readNewest(requests, stream, tailMax);
    const head = snapshot && seenHead(snapshot);
    heads.remember(stream, head ?? "none");
    const records = await recordsOf(tail);
    if (!snapshot || !head) return { records, published };
    const { sequence, revision, horizon } = head;
    const body = await readBody(requests, stream, snapshot, head);
    if (body !== undefined) return { snapshot: { sequence, revision, horizon, body }, records, published };
    // Its parts are gone: a newer one has replaced it meanwhile.
    if (attempt === attemptsMax) throw damaged("a snapshot in parts");
  }
}

interface Newest {
  readonly snapshot: StoredRow | undefined;
  /** Newest first. */
  readonly tail: readonly StoredRow[];
  readonly published: number;
}

async function readNewest(requests: Requests, stream: StreamId, tailMax: number): Promise<Newest> {
  const partition = partitionOf(stream);
  let snapshot: StoredRow | undefined;
  /** The last record that the snapshot covers. */
  let covered = 0;
  let published = 0;
  const tail: StoredRow[] = [];
  let oldest = Number.POSITIVE_INFINITY;
  let last: string = rowKeys.snapshot;
  const take = (rows: readonly StoredRow[]): void => {
    for (const row of rows) {
      last = row.rowKey ?? last;
      if (last === rowKeys.snapshot) {
        snapshot = row;
        covered = headOf(row).sequence;
      } else {
        published = Math.max(published, publishedIn(row));
        if (last === rowKeys.published) continue;
        oldest = sequenceOf(row);
        if (oldest > covered) tail.push(row);
      }
    }
  };
  // Besides the tail: the snapshot, and how far the stream is published.
  const first = { from: rowKeys.snapshot, to: rowKeys.end(rowKeys.newest), limit: tailMax + 2 };
  const { value: page } = await query(requests, partition, first).next();
  take(page?.rows ?? []);
  if (page?.token !== undefined && oldest > covered + 1) {
    // What was read last comes once more, if it is there: a range includes both its ends.
    const seen = last;
    const rest = { from: seen, to: rowKeys.record(covered + 1) };
    for await (const { rows } of query(requests, partition, rest)) {
      take(page.rows.length === 0 ? rows : rows.filter(({ rowKey }) => rowKey !== seen));
    }
  }
  return { snapshot, tail, published };
}

/** Up to which sequence the row says the stream to be published: records, and the row that is for nothing else. */
export function publishedIn(row: StoredRow): number {
  return row["published"] === undefined || row["published"] === null
    ? 0
    : numberOf(row["published"], 0, "how far a stream is published");
}

/** The body of a snapshot; undefined where its parts are not there any more. */
async function readBody(
  requests: Requests,
  stream: StreamId,
  row: StoredRow,
  { parts }: SeenHead,
): Promise<string | undefined> {
  const what = "a snapshot";
  if (!parts) return textIn(row, "body", what);
  const { generation, count } = parts;
  const range = { from: rowKeys.part(generation, 0), to: rowKeys.part(generation, count - 1) };
  const bytes: Uint8Array[] = [];
  let found = 0;
  for await (const { rows } of query(requests, partitionOf(stream), range)) {
    for (const part of rows) {
      found++;
      bytes.push(...bytesIn(part, "bytes"));
    }
  }
  return found === count ? inflated(bytes, what) : undefined;
}

/** Point read. */
export async function readRecord(
  requests: Requests,
  stream: StreamId,
  sequence: number,
): Promise<StoredRecord | undefined> {
  const row = await requests.get(partitionOf(stream), rowKeys.record(sequence));
  return row && recordOf(row);
}
