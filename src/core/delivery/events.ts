import { upcast, type EventDefinition } from "../entity/definition.ts";
import { HoldfastError } from "../errors.ts";
import { decodeEntries, eraseCommand, type Entry, type StoredEvent } from "../journal/format.ts";
import type { StoredRecord } from "../journal/port.ts";

const decoded = new WeakMap<StoredRecord, readonly Entry[]>();

/** The record's entries, decoded once for all consumers that look at the same record. */
export function entriesOf(record: StoredRecord): readonly Entry[] {
  const known = decoded.get(record);
  if (known) return known;
  const entries = decodeEntries(record);
  decoded.set(record, entries);
  return entries;
}

/** Whether the record ends its stream. */
export function isTombstone(record: StoredRecord): boolean {
  // Every record is asked: most are told by their text.
  return record.entries.includes(eraseCommand) && entriesOf(record).some(({ command }) => command === eraseCommand);
}

/** A part of a record: its n-th event or message, from 1. */
export interface Part<Of> {
  readonly of: Of;
  readonly entry: Entry;
  /** Its place in the entry, from 1. */
  readonly place: number;
}

/** The record's events or outgoing messages, in order. */
export function partsOf<Kind extends "events" | "messages">(
  record: StoredRecord,
  kind: Kind,
): readonly Part<NonNullable<Entry[Kind]>[number]>[] {
  // The kind says what the list holds.
  return entriesOf(record).flatMap((entry) =>
    ((entry[kind] ?? []) as readonly NonNullable<Entry[Kind]>[number][]).map((of, i) => ({ of, entry, place: i + 1 })),
  );
}

/**
 * The event's data in the newest shape of its type.
 * @throws HoldfastError `unknown-event` where newer code wrote it (retry later: it is being rolled out)
 */
export function dataOf(definition: EventDefinition | undefined, event: StoredEvent): unknown {
  const { type, v = 1 } = event;
  if (definition === undefined || v > definition.version) {
    throw new HoldfastError(
      "unknown-event",
      `This code does not know event "${type}" version ${v}; newer code wrote it.`,
      {
        retry: "later",
        retryAfterMs: 5_000,
      },
    );
  }
  return upcast(definition, event);
}
