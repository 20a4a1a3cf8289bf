import type { App } from "../core/app.ts";
import { upcast, type EntityDefinition } from "../core/entity/definition.ts";
import type { DeadLetter } from "../core/delivery/port.ts";
import { decodeEntries, decodeSnapshot, eraseCommand, type Entry, type SnapshotBody } from "../core/journal/format.ts";
import type { KeyWindowLimits } from "../core/journal/key-window.ts";
import type { Snapshot, StoredRecord, StreamId } from "../core/journal/port.ts";
import { streamKey } from "../core/runtime/live.ts";
import type { History } from "./history.ts";
import type { Target } from "./target.ts";

/** An entry, and where it stands. */
export interface StoredEntry {
  readonly entry: Entry;
  readonly record: StoredRecord;
  /** Events of the stream up to and including this entry. */
  readonly version: number;
}

/** A stream as it is stored when all is over. */
export interface StreamEvidence {
  readonly stream: StreamId;
  readonly key: string;
  /** Of the newest code; absent where that does not know the entity. */
  readonly definition: EntityDefinition | undefined;
  readonly records: readonly StoredRecord[];
  readonly entries: readonly StoredEntry[];
  /** By the hash of their key; more than one only where a forgotten key came again. */
  readonly entriesByKey: ReadonlyMap<string, readonly StoredEntry[]>;
  readonly snapshot: Snapshot | undefined;
  readonly body: SnapshotBody | undefined;
  readonly erased: boolean;
}

/** All that checkers may look at: what was stored, and what was observed. */
export interface Evidence {
  /** The newest code. */
  readonly app: App;
  /** All code that ran, the newest first. */
  readonly apps: readonly App[];
  readonly streams: ReadonlyMap<string, StreamEvidence>;
  readonly history: History;
  readonly dead: readonly DeadLetter[];
  /** What still waits, though it should not: a line each. */
  readonly waiting: readonly string[];
  /** The world's time at the end, epoch milliseconds, and how far clocks may be off. */
  readonly now: number;
  readonly skewMs: number;
  /** When faults ended, by the world's time; absent: the world ended before. */
  readonly healedAt?: number | undefined;
  /** Clients' keys are of our own form only. */
  readonly ownKeys: boolean;
  /** How long keys are remembered, and how many. */
  readonly keys: KeyWindowLimits;
}

/** What all code that ran says of an entity, the newest first. */
export function definitionsOf({ apps }: Pick<Evidence, "apps">, entity: string): readonly EntityDefinition[] {
  return apps.flatMap((app) => app.entities.get(entity) ?? []);
}

/** Reads all streams of an app. Damage shows here as an error. */
export async function readStreams(
  app: App,
  tenants: readonly string[],
  target: Target,
): Promise<Map<string, StreamEvidence>> {
  const streams = new Map<string, StreamEvidence>();
  for (const tenant of tenants) {
    for (const [entity, definition] of app.entities) {
      const ids = await target.journal.streams({ tenant, entity, limit: 1_000_000 });
      for (const id of ids) {
        const stream = { tenant, entity, id };
        streams.set(streamKey(stream), await readStream(stream, definition, target));
      }
    }
  }
  return streams;
}

async function readStream(
  stream: StreamId,
  definition: EntityDefinition,
  { journal }: Target,
): Promise<StreamEvidence> {
  const records = await journal.history(stream, { after: 0, limit: 1_000_000 });
  const { snapshot } = await journal.load(stream);
  const entries: StoredEntry[] = [];
  const entriesByKey = new Map<string, StoredEntry[]>();
  let version = 0;
  for (const record of records) {
    const decoded = decodeEntries(record);
    // Blank: what is left tells how many there were.
    if (decoded.length === 0) version = record.version;
    for (const entry of decoded) {
      version += entry.events?.length ?? 0;
      const stored = { entry, record, version };
      entries.push(stored);
      if (entry.key !== undefined) entriesByKey.set(entry.key, [...(entriesByKey.get(entry.key) ?? []), stored]);
    }
  }
  const erased = entries.some(({ entry }) => entry.command === eraseCommand);
  const body = snapshot && decodeSnapshot(snapshot);
  return { stream, key: streamKey(stream), definition, records, entries, entriesByKey, snapshot, body, erased };
}

/** The state that code cannot read: newer code has stored events that it does not know. */
export const unreadable: unique symbol = Symbol("unreadable");

/** The state after an entry's events, or {@link unreadable}. */
export function foldEntry(
  definition: EntityDefinition,
  state: unknown,
  { entry, record, version }: StoredEntry,
): unknown {
  const events = entry.events ?? [];
  let at = version - events.length;
  let folded = state;
  if (folded === unreadable) return folded;
  for (const stored of events) {
    const event = definition.events.get(stored.type);
    if (!event || (stored.v ?? 1) > event.version) return unreadable;
    folded = event.evolve(folded, upcast(event, stored), { time: record.time, version: ++at });
  }
  return folded;
}

/** The state after all entries up to that one of which `isCovered` says no; all if it never does. */
export function foldWhile(
  definition: EntityDefinition,
  { entries }: Pick<StreamEvidence, "entries">,
  isCovered: (entry: StoredEntry) => boolean,
): unknown {
  let state: unknown = definition.initial();
  for (const stored of entries) {
    if (!isCovered(stored)) break;
    state = foldEntry(definition, state, stored);
  }
  return state;
}
