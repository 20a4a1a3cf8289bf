import { upcast, type EntityDefinition, type EventDefinition } from "../entity/definition.ts";
import { HoldfastError, internalError } from "../errors.ts";
import { jsonBytes, normalise, type JsonValue } from "../json.ts";
import {
  decodeEntries,
  decodeSnapshot,
  eraseCommand,
  keysOf,
  type Entry,
  type PendingTimer,
  type StoredEvent,
} from "../journal/format.ts";
import { createKeyWindow, forget, remember, type KeyWindow, type KeyWindowLimits } from "../journal/key-window.ts";
import type { Journal, StoredRecord, StreamId } from "../journal/port.ts";

/** An entity in memory: the fold of its stream up to `sequence`. Changed only by its own queue, record by record. */
export interface Live {
  readonly stream: StreamId;
  /** {@link streamKey} of the stream. */
  readonly key: string;
  readonly definition: EntityDefinition;
  sequence: number;
  /** Id of the record at `sequence`; empty before the first. */
  recordId: string;
  version: number;
  /** Commit time of the record at `sequence`, epoch milliseconds. */
  time: number;
  state: JsonValue;
  erased: boolean;
  readonly keys: KeyWindow;
  timers: ReadonlyMap<string, PendingTimer>;
  /** Types of the events folded so far, each with the greatest version of its shape. */
  eventTypes: Readonly<Record<string, number>>;
  /** Sequence of the newest snapshot that this instance knows of. */
  snapshotAt: number;
  /** Sequence at which the next snapshot is tried. */
  snapshotDue: number;
  /** When it was loaded, epoch milliseconds of this instance's clock. */
  readonly loadedAt: number;
  /** JSON of the pending timers, bytes; counts with the state. */
  timerBytes: number;
}

// Shared by all entities that have none: thousands are cached.
const noTimers: Live["timers"] = new Map();
const noEvents: Live["eventTypes"] = {};

/** The stream moved in a way that only a load from the start can explain: the cached fold is worthless. */
export const chainBroken: unique symbol = Symbol("chain broken");

/** Loads an entity: newest snapshot and tail, or the full fold where the snapshot's state is of another revision. */
export async function loadLive(
  journal: Journal,
  definition: EntityDefinition,
  stream: StreamId,
  now: number,
  limits: KeyWindowLimits,
): Promise<Live> {
  const { snapshot, records } = await journal.load(stream);
  const body = snapshot && decodeSnapshot(snapshot);
  const foldAnew = snapshot !== undefined && !body?.erased && snapshot.revision !== definition.revision;
  const live: Live = {
    stream,
    key: streamKey(stream),
    definition,
    sequence: snapshot?.sequence ?? 0,
    recordId: body?.record ?? "",
    version: body?.version ?? 0,
    time: body?.time ?? 0,
    state: body && !foldAnew && !body.erased ? storedState(stream, body.state) : initialState(definition),
    erased: body?.erased ?? false,
    keys: createKeyWindow(snapshot && body && { horizon: snapshot.horizon, body }),
    timers: body?.timers ? new Map(Object.entries(body.timers)) : noTimers,
    eventTypes: body?.events ?? noEvents,
    snapshotAt: snapshot?.sequence ?? 0,
    snapshotDue: (snapshot?.sequence ?? 0) + definition.snapshotEvery,
    loadedAt: now,
    timerBytes: 0,
  };
  live.timerBytes = bytesOfTimers(live.timers.values());
  for (const [type, version] of Object.entries(live.eventTypes)) knownEvent(definition, type, version);
  if (snapshot && foldAnew) {
    live.state = await foldHistory(journal, live, snapshot.sequence);
    if (snapshot.revision < definition.revision) live.snapshotDue = live.sequence;
  }
  if (applyTail(live, records) === chainBroken) {
    throw brokenChain(stream, live.sequence);
  }
  forget(live.keys, now, limits);
  return live;
}

function storedState(stream: StreamId, state: JsonValue): JsonValue {
  try {
    return normalise(state, "the state");
  } catch (cause) {
    throw new HoldfastError(
      "journal-corrupt",
      `The journal is damaged: the state in the snapshot of ${describe(stream)} is not what was written.`,
      { cause },
    );
  }
}

/** Folds records that follow, in order. `chainBroken` at the first that does not name its predecessor. */
export function applyTail(live: Live, records: readonly StoredRecord[]): undefined | typeof chainBroken {
  for (const record of records) {
    if (record.sequence !== live.sequence + 1 || record.previous !== live.recordId) return chainBroken;
    applyRecord(live, record, decodeEntries(record));
  }
}

function applyRecord(live: Live, record: StoredRecord, entries: readonly Entry[]): void {
  let { state, version } = live;
  for (const entry of entries) {
    for (const event of entry.events ?? []) {
      state = evolve(live.definition, state, event, { time: record.time, version: ++version });
    }
  }
  adopt(live, record, state);
  remember(live.keys, keysOf(entries, record.time), record.sequence);
  for (const entry of entries) applyEntry(live, entry);
}

/** Moves the fold on to a record whose effects on the state are known. */
export function adopt(live: Live, record: StoredRecord, state: JsonValue): void {
  live.sequence = record.sequence;
  live.recordId = record.id;
  live.version = record.version;
  live.time = record.time;
  live.state = state;
}

/** What an entry does besides its events: sets and cancels timers (generation: the entry's id), or erases. */
export function applyEntry(live: Live, entry: Entry): void {
  for (const { type, v = 1 } of entry.events ?? []) {
    if ((live.eventTypes[type] ?? 0) < v) live.eventTypes = { ...live.eventTypes, [type]: v };
  }
  if (entry.timers) {
    live.timers = timersAfter(live.timers, entry);
    live.timerBytes = bytesOfTimers(live.timers.values());
  }
  if (entry.command !== eraseCommand) return;
  live.erased = true;
  live.state = null;
  live.timers = noTimers;
  live.timerBytes = 0;
}

/** The timers that are pending after the entry; its id is the generation of those that it sets. */
export function timersAfter(timers: Live["timers"], entry: Entry): Live["timers"] {
  if (entry.timers === undefined) return timers;
  const after = new Map(timers);
  const { id: generation, correlation, trace } = entry;
  for (const { name, at, command, input } of entry.timers) {
    if (at === undefined || command === undefined) after.delete(name);
    else {
      after.set(name, {
        at,
        command,
        generation,
        ...(input !== undefined && { input }),
        ...(correlation !== undefined && { correlation }),
        ...(trace !== undefined && { trace }),
      });
    }
  }
  return after;
}

/** Bytes that timers take in a snapshot: their inputs and where they come from, and 150 for the rest of each. */
export function bytesOfTimers(timers: Iterable<Pick<PendingTimer, "input" | "correlation" | "trace">>): number {
  let bytes = 0;
  for (const { input, correlation, trace } of timers) {
    bytes += 150 + (input === undefined ? 0 : jsonBytes(input));
    if (correlation !== undefined) bytes += 17 + jsonBytes(correlation);
    if (trace !== undefined) bytes += 11 + jsonBytes(trace);
  }
  return bytes;
}

/** One event into the state. @throws HoldfastError `unknown-event`, or `internal` where the app's code fails */
export function evolve(
  definition: EntityDefinition,
  state: JsonValue,
  event: StoredEvent,
  meta: { readonly time: number; readonly version: number },
): JsonValue {
  const { type, v = 1 } = event;
  const known = knownEvent(definition, type, v);
  const data = upcast(known, event);
  try {
    return normalise(known.evolve(state, data, meta), `the state after ${type}`);
  } catch (cause) {
    throw internalError(`evolve of ${definition.name}.${type}`, cause);
  }
}

/** @throws HoldfastError `unknown-event` (retry later: newer code is being rolled out) */
function knownEvent(definition: EntityDefinition, type: string, version: number): EventDefinition {
  const known = definition.events.get(type);
  if (known && version <= known.version) return known;
  throw new HoldfastError(
    "unknown-event",
    `Entity "${definition.name}" holds event "${type}" version ${version}, which this code does not know; newer code wrote it.`,
    { retry: "later", retryAfterMs: 5_000 },
  );
}

async function foldHistory(journal: Journal, live: Live, to: number): Promise<JsonValue> {
  let state = live.state;
  let version = 0;
  let previous = "";
  for (let after = 0; after < to; ) {
    const records = await journal.history(live.stream, { after, limit: Math.min(1_000, to - after) });
    if (records.length === 0) {
      throw new HoldfastError("journal-corrupt", `Records of ${describe(live.stream)} after ${after} are missing.`);
    }
    for (const record of records) {
      // Its snapshot was read before it was erased.
      if (record.entries === "[]") throw erasedError(live.stream);
      if (record.sequence !== after + 1 || record.previous !== previous) throw brokenChain(live.stream, after);
      previous = record.id;
      for (const entry of decodeEntries(record)) {
        for (const event of entry.events ?? []) {
          state = evolve(live.definition, state, event, { time: record.time, version: ++version });
        }
      }
      after = record.sequence;
    }
  }
  // The snapshot names the record that it ends with.
  if (previous !== live.recordId) throw brokenChain(live.stream, to);
  return state;
}

function brokenChain(stream: StreamId, after: number): HoldfastError {
  return new HoldfastError(
    "journal-corrupt",
    `The chain of ${describe(stream)} is broken behind sequence ${after}: a record does not follow its predecessor.`,
  );
}

/** @throws HoldfastError `internal` where the app's code fails */
export function initialState(definition: EntityDefinition): JsonValue {
  try {
    return normalise(definition.initial(), "the initial state");
  } catch (cause) {
    throw internalError(`initial of ${definition.name}`, cause);
  }
}

export function erasedError(stream: StreamId): HoldfastError {
  return new HoldfastError("erased", `${describe(stream)} was erased; its id is never used again.`);
}

export function describe(stream: StreamId): string {
  return `${stream.entity} "${stream.id}"${stream.tenant === "default" ? "" : ` of tenant ${stream.tenant}`}`;
}

/** The key under which an instance keeps the entity; `/` is not allowed in any part. */
export function streamKey(stream: StreamId): string {
  return `${stream.tenant}/${stream.entity}/${stream.id}`;
}
