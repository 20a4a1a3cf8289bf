import { deepEqual, equal } from "node:assert/strict";
import { encodeEntries, encodeEntry } from "../../core/journal/format.ts";
import type {
  Horizon,
  Journal,
  KeyPage,
  Snapshot,
  StoredKey,
  StoredRecord,
  StreamId,
} from "../../core/journal/port.ts";
import { createSystem } from "../../core/runtime/system.ts";

const system = createSystem();

export const cart: StreamId = { tenant: "default", entity: "cart", id: "c1" };

export const other: StreamId = { ...cart, id: "c2" };

export const noHorizon: Horizon = { foreign: 0, derived: 0 };

/** The id of the record that `chain` has at a sequence: 20 characters of `[0-9a-v]`; two chains never share one. */
export function idAt(sequence: number, chain = "r"): string {
  return `${chain}${sequence}`.padStart(20, "0");
}

/** The hash of the key that `recordAt` consumes at a sequence: 22 characters of base64url. */
export function hashAt(sequence: number): string {
  return `k-${sequence}_`.padStart(22, "Z");
}

/** A record as the core writes it, with one entry that consumes one key. */
export function recordAt(
  sequence: number,
  changes: Partial<StoredRecord> & { readonly derived?: true } = {},
): StoredRecord {
  const { derived, ...fields } = changes;
  const id = fields.id ?? idAt(sequence);
  const entry = { id, command: "addItem", key: hashAt(sequence), ...(derived && { derived }) };
  return {
    sequence,
    id,
    previous: sequence === 1 ? "" : idAt(sequence - 1),
    time: 1_767_225_600_000 + sequence,
    version: 2 * sequence,
    entries: encodeEntries([encodeEntry(entry)]),
    ...fields,
  };
}

/** The records `1..count` of the chain. */
export function recordsUpTo(count: number): readonly StoredRecord[] {
  return Array.from({ length: count }, (_, i) => recordAt(i + 1));
}

/** Appends records one after the other, each of which has to be stored. */
export async function store(journal: Journal, stream: StreamId, records: readonly StoredRecord[]): Promise<void> {
  for (const record of records) {
    equal(await journal.append({ stream, record }), "stored", `append of ${record.id} at ${record.sequence}`);
  }
}

export function snapshotAt(sequence: number, changes: Partial<Snapshot> = {}): Snapshot {
  return { sequence, revision: 1, horizon: noHorizon, body: `{"state":"at ${sequence}"}`, ...changes };
}

/** The page of the keys that the records `from..sequence` consume. */
export function pageOf(from: number, sequence: number): KeyPage {
  const keys = Array.from({ length: sequence - from + 1 }, (_, i): StoredKey => [hashAt(from + i), from + i]);
  // 2100: no time-to-live removes it while the suite runs.
  return { from, sequence, expires: 4_102_444_800_000, keys };
}

/** The sequences at which a journal of either kind finds the keys of the records `from..to`. */
export async function keysFound(
  journal: Journal,
  stream: StreamId,
  from: number,
  to: number,
): Promise<readonly (number | undefined)[]> {
  const hashes = Array.from({ length: to - from + 1 }, (_, i) => hashAt(from + i));
  if (journal.keys.kind === "index") return (await journal.keys.find(stream, hashes)).sequences;
  const found = new Map((await journal.keys.load(stream, from, Number.MAX_SAFE_INTEGER)).flat());
  return hashes.map((hash) => found.get(hash));
}

/** Lets the event loop go round: a journal that reads at once would else never get to its writes. */
export function turn(): Promise<void> {
  return new Promise((resolve) => system.soon(resolve));
}

/** `from..to` */
export function numbers(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Every way to read a stream's records shows exactly these; there must be no snapshot at a later sequence. */
export async function showsRecords(
  journal: Journal,
  stream: StreamId,
  records: readonly StoredRecord[],
): Promise<void> {
  deepEqual(plain(await journal.load(stream, 0)), { records }, "load after 0");
  deepEqual(plain(await journal.history(stream, { after: 0, limit: 10_000 })), records, "history");
  for (const record of records) {
    deepEqual(plain(await journal.record(stream, record.sequence)), record, `record ${record.sequence}`);
  }
  equal(await journal.record(stream, records.length + 1), undefined, "record behind the last");
}

/** What a caller sees of a value: its fields, whatever the prototype; rows of `node:sqlite` have none. */
export function plain<Value>(value: Value): Value {
  // The same fields, so the same type; undefined has no JSON.
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as Value);
}
