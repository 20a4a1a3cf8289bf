import type { StoredRecord, StreamId } from "holdfast";
import { decodeEntries, eventId, versionAt, type Entry } from "../../../src/core/journal/format.ts";
import type { State } from "../observed.ts";

/** An event, as the journal has it. */
export interface Committed {
  readonly id: string;
  readonly entity: string;
  readonly subject: string;
  readonly version: number;
  readonly type: string;
  readonly data: { readonly [name: string]: unknown };
  /** Where a dead letter says that it is. */
  readonly place: string;
}

/** A command, as the journal has it. */
export interface CommittedEntry {
  readonly entry: Entry;
  /** Events of the stream up to and including its own. */
  readonly version: number;
}

/** The events of a record. */
export function eventsOf({ stream, record }: State["records"][number]): readonly Committed[] {
  const found = decodeEntries(record).flatMap((entry) =>
    (entry.events ?? []).map((event, i) => ({ id: eventId(entry.id, i + 1), event })),
  );
  return found.map(({ id, event }, i) => ({
    id,
    entity: stream.entity,
    subject: stream.id,
    version: record.version - found.length + i + 1,
    type: event.type,
    // All events of the app are objects.
    data: event.data as Committed["data"],
    place: `${stream.entity}/${stream.id} ${record.sequence} ${i + 1}`,
  }));
}

export function entriesOf(record: StoredRecord): readonly CommittedEntry[] {
  const entries = decodeEntries(record);
  return entries.map((entry, i) => ({ entry, version: versionAt(record, entries, i) }));
}

export function nameOf({ entity, id }: Pick<StreamId, "entity" | "id">): string {
  return `${entity}/${id}`;
}
