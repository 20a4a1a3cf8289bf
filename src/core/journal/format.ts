import { HoldfastError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { readJson } from "../json-text.ts";
import type { Snapshot, StoredKey, StoredRecord } from "./port.ts";
import { isEntries, isKeyPage, isSnapshotBody } from "./shape.ts";

/**
 * What is inside `StoredRecord.entries` and `Snapshot.body`. Stored for ever: docs/format.md describes it, and golden
 * files in test/core/journal/golden are read by a test with every version of the code. Absent fields cost nothing.
 */

export interface StoredEvent {
  readonly type: string;
  /** Version of the event's shape; absent = 1. */
  readonly v?: number;
  readonly data: JsonValue;
}

export interface StoredRejection {
  readonly code: string;
  readonly message: string;
  /** HTTP status; absent = 409. */
  readonly status?: number;
}

/** A command that this entity sends to another one; its key derives from the entry's id and the message's place. */
export interface StoredMessage {
  readonly entity: string;
  readonly id: string;
  readonly command: string;
  readonly input?: JsonValue;
}

/** Sets a named timer (with `at` and `command`) or cancels it (without). Its generation is the entry's id. */
export interface StoredTimer {
  readonly name: string;
  /** Due, epoch milliseconds. */
  readonly at?: number;
  readonly command?: string;
  readonly input?: JsonValue;
}

/** One command. */
export interface Entry {
  readonly id: string;
  /** The command's name; `$erase` for the tombstone. */
  readonly command: string;
  /** Hash of the idempotency key. */
  readonly key?: string;
  /** True if the key was derived by Holdfast. */
  readonly derived?: true;
  /** Birth of the key where it lies after the record's time. */
  readonly born?: number;
  /** Fingerprint of command and input. */
  readonly fp?: string;
  readonly events?: readonly StoredEvent[];
  readonly reply?: JsonValue;
  readonly rejected?: StoredRejection;
  readonly messages?: readonly StoredMessage[];
  readonly timers?: readonly StoredTimer[];
  /** Absent: the entry's own id (the command began the correlation). */
  readonly correlation?: string;
  /** Id of the event, message or timer that caused the command. */
  readonly causation?: string;
  /** W3C traceparent. */
  readonly trace?: string;
  /** Id of the principal; absent = anonymous. */
  readonly principal?: string;
}

export const eraseCommand = "$erase";

/** A timer that has been set and has neither fired nor been cancelled. */
export interface PendingTimer {
  readonly at: number;
  readonly command: string;
  readonly input?: JsonValue;
  /** The id of the entry that set it. */
  readonly generation: string;
  /** Of the entry that set it; absent: that entry's id. */
  readonly correlation?: string;
  /** Of the entry that set it. */
  readonly trace?: string;
}

/** Records `from..to` hold `count` keys, the newest of them of time `newest` (epoch ms), the oldest of time `oldest`. */
export interface KeyRange {
  readonly from: number;
  readonly to: number;
  readonly oldest: number;
  readonly newest: number;
  readonly count: number;
}

export interface SnapshotBody {
  /** Id of the record at the snapshot's sequence. */
  readonly record: string;
  readonly version: number;
  readonly time: number;
  readonly state: JsonValue;
  readonly keys: { readonly foreign: readonly KeyRange[]; readonly derived: readonly KeyRange[] };
  readonly timers?: { readonly [name: string]: PendingTimer };
  /** Types of the folded events, each with the greatest version of its shape: code that does not know one must not go on. */
  readonly events: { readonly [type: string]: number };
  readonly erased?: true;
}

export function encodeEntry(entry: Entry): string {
  return JSON.stringify(entry);
}

export function encodeEntries(entries: readonly string[]): string {
  return `[${entries.join(",")}]`;
}

/** @throws HoldfastError `journal-corrupt` if the text is not what was written */
export function decodeEntries(record: Pick<StoredRecord, "entries" | "sequence">): readonly Entry[] {
  return decode(record.entries, isEntries, `record ${record.sequence}`) as readonly Entry[];
}

/** @throws HoldfastError `journal-corrupt` */
export function decodeSnapshot(snapshot: Pick<Snapshot, "body" | "sequence">): SnapshotBody {
  return decode(snapshot.body, isSnapshotBody, `the snapshot at ${snapshot.sequence}`) as SnapshotBody;
}

/** One idempotency key that a record consumes. */
export interface KeyRef {
  readonly hash: string;
  /** Epoch milliseconds: the record's time, or the key's own birth if that is later. */
  readonly time: number;
  /** True if Holdfast derived the key (a handler's call, a send, a timer); these live longer. */
  readonly derived: boolean;
}

/** The keys that a record's entries consume. */
export function keysOf(entries: readonly Entry[], time: number): readonly KeyRef[] {
  const keys: KeyRef[] = [];
  for (const { key, derived = false, born = 0 } of entries) {
    if (key !== undefined) keys.push({ hash: key, time: Math.max(time, born), derived });
  }
  return keys;
}

/** A page of keys as text, for journals that keep pages: hash, sequence, hash, sequence ... */
export function encodeKeyPage(keys: readonly StoredKey[]): string {
  return JSON.stringify(keys.flat());
}

/** @throws HoldfastError `journal-corrupt` */
export function decodeKeyPage(body: string): readonly StoredKey[] {
  const flat = decode(body, isKeyPage, "a page of keys") as readonly (string | number)[];
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] as string, flat[2 * i + 1] as number]);
}

/** The number of events in the stream up to and including the entry at `index`. */
export function versionAt(record: StoredRecord, entries: readonly Entry[], index: number): number {
  let version = record.version;
  for (let i = index + 1; i < entries.length; i++) version -= entries[i]?.events?.length ?? 0;
  return version;
}

/** The id of an entry's `n`th event, from 1. */
export function eventId(entryId: string, n: number): string {
  return `${entryId}-${n}`;
}

/** The value of the text, of which `check` says whether it has the shape that the caller will rely on. */
function decode(text: string, check: (value: unknown) => boolean, what: string): unknown {
  try {
    const value = readJson(text);
    if (check(value)) return value;
  } catch {
    // The parser's own words quote what is stored, and this error is logged.
  }
  throw new HoldfastError("journal-corrupt", `The journal is damaged: ${what} is not readable.`);
}
