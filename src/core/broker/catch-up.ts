import { isHoldfastError } from "../errors.ts";
import type { Journal, StoredRecord, StreamId } from "../journal/port.ts";
import type { Reference } from "../delivery/port.ts";
import type { ConsumerSpec } from "../delivery/spec.ts";
import { streamKey } from "../runtime/live.ts";
import type { System } from "../runtime/system.ts";
import type { Parcel } from "./bus.ts";
import type { Committed } from "./outbox.ts";
import { isBefore, type Place, type PlaceStore } from "./places.ts";
import type { Outcome } from "./receive.ts";
import { type Referred, referenceBody } from "./wire.ts";

export interface CatchUpPorts {
  readonly places: PlaceStore;
  readonly journal: Pick<Journal, "history" | "record">;
  readonly system: Pick<System, "now">;
}

/** A message of a subscription that begins at the beginning. */
export interface Asking extends Pick<Referred, "catchUp" | "isPublished"> {
  readonly reference: Reference;
  readonly spec: ConsumerSpec;
  /** Nothing is begun after it, epoch milliseconds. */
  readonly until: number;
  /** Handles what it refers to, in that record where there is one. */
  readonly own: (record: StoredRecord | undefined) => Promise<Outcome>;
}

/**
 * Handles what a subscription that begins at the beginning has not handled of a message's stream, then the message itself,
 * unless that was handled, too, and the message does not ask for it once more. So the queue may hold new events while older
 * ones are still to come, and some of them after they have come. Of what was committed when the backfill was over nothing is
 * looked up: all that is before it was before it in the queue.
 * @param handle one that was missing
 */
export type CatchUp = (
  message: Asking,
  handle: (missed: Reference, record: StoredRecord | undefined) => Promise<Outcome>,
) => Promise<Outcome>;

/** Something between two places: an event that is wanted, in a record that may be damaged, or that a record is over. */
interface Missed {
  readonly sequence: number;
  /** {@link whole}: the record is over. */
  readonly n: number;
  readonly record?: StoredRecord | undefined;
}

/** Records that are read at once. */
const pageMax = 100;

/** Events that are handled before it is stored how far it is; after a crash as many come again. */
const unsavedMax = 10;

/** How long it is taken for granted whether and when the backfill was over, milliseconds; it may be run again. */
const knownMs = 60_000;

/** Behind everything in a record. */
const whole = 99_999;

const done: Outcome = { kind: "done" };

export function createCatchUp({ places, journal, system }: CatchUpPorts): CatchUp {
  const backfilled = new Map<string, { readonly at: number | undefined; readonly until: number }>();

  async function isOver({ name }: ConsumerSpec, { time }: StoredRecord): Promise<boolean> {
    const now = system.now();
    let known = backfilled.get(name);
    if (known === undefined || known.until <= now) {
      backfilled.set(name, (known = { at: await places.backfilled(name), until: now + knownMs }));
    }
    return known.at !== undefined && time > known.at;
  }

  return async (message, handle) => {
    const { spec, reference, catchUp, isPublished, until, own } = message;
    const { stream } = reference;
    const record = catchUp ? undefined : await readable(() => journal.record(stream, reference.sequence));
    // What is damaged, or not there, is for the handler's turn to say.
    if (!catchUp && (record === undefined || (await isOver(spec, record)))) return own(record);
    const before = await places.place(spec.name, stream);
    let saved = before;
    let reached = before;
    let unsaved = 0;

    async function save(): Promise<void> {
      if (reached === undefined || reached === saved) return;
      await places.savePlace(spec.name, stream, reached);
      saved = reached;
      unsaved = 0;
    }
    async function pass(place: Place, outcome: Promise<Outcome>): Promise<Outcome> {
      const found = await outcome;
      if (found.kind === "done") {
        reached = { sequence: place.sequence, n: place.n };
        if (++unsaved >= unsavedMax) await save();
      }
      return found;
    }
    async function goOn(): Promise<Outcome> {
      for await (const { sequence, n, record } of missing(spec, before, reference, catchUp)) {
        const missed = { stream, sequence, n };
        if (n === whole) {
          reached = missed;
          if (system.now() >= until) return { kind: "again", delayMs: 0 };
          continue;
        }
        const outcome = await pass(missed, handle(missed, record));
        if (outcome.kind === "again") return outcome;
      }
      if (catchUp) return done;
      if (!reached || isBefore(reached, reference)) return pass(reference, own(record));
      return isPublished ? done : own(record);
    }

    try {
      const outcome = await goOn();
      return outcome.kind === "again" && reached !== before ? { ...outcome, progressed: true } : outcome;
    } finally {
      await save();
    }
  };

  /** What is wanted of the stream between those two places, `to` included if it says so, and where a page is over. */
  async function* missing(
    spec: ConsumerSpec,
    from: Place | undefined,
    { stream, ...to }: Reference,
    withLast = false,
  ): AsyncGenerator<Missed> {
    for (let after = (from?.sequence ?? 1) - 1; after < to.sequence; ) {
      const page = await read(stream, after, Math.min(pageMax, to.sequence - after));
      const last = page.at(-1);
      if (last === undefined) return;
      for (const { sequence, record } of page) {
        for (const n of record ? wanted(spec, { stream, record }) : damaged) {
          const place = { sequence, n };
          if (from && !isBefore(from, place)) continue;
          if (isBefore(place, to) || (withLast && !isBefore(to, place))) yield { sequence, n, record };
        }
      }
      after = last.sequence;
      if (after < to.sequence) yield { sequence: after, n: whole };
    }
  }

  /** Up to so many records after that one; one that is damaged keeps nobody from the others. */
  async function read(stream: StreamId, after: number, limit: number): Promise<readonly Omit<Missed, "n">[]> {
    const records = await readable(() => journal.history(stream, { after, limit }));
    if (records) return records.map((record) => ({ sequence: record.sequence, record }));
    const sequences = Array.from({ length: limit }, (_, i) => after + 1 + i);
    return Promise.all(
      sequences.map(async (sequence) => ({
        sequence,
        record: await readable(() => journal.record(stream, sequence)),
      })),
    );
  }
}

/** As what a record is handled that nobody can read. */
const damaged = [1];

/** Undefined where what is read cannot be read, at no time. @throws what may pass */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isHoldfastError(error) || error.retry === "later") throw error;
    return undefined;
  }
}

/**
 * What a subscription that begins at the beginning has to be sent, of some records of the journal, each stream's in its
 * order: for each stream, that everything up to the newest event that it wants is to be handled; of many, in portions, since
 * a broker hands each message out so often and no more.
 */
export function backfillParcels(spec: Pick<ConsumerSpec, "pick">, records: readonly Committed[]): readonly Parcel[] {
  const parcels: Parcel[] = [];
  const open = new Map<string, { readonly parcel: Parcel; readonly events: number }>();
  for (const { stream, record } of records) {
    const { sequence } = record;
    const places = wanted(spec, { stream, record });
    const n = places.at(-1);
    if (n === undefined) continue;
    const key = streamKey(stream);
    const body = referenceBody({ stream, sequence, n, catchUp: true });
    const parcel = { stream, id: `backfill-${record.id}-${n}`, body };
    const events = (open.get(key)?.events ?? 0) + places.length;
    if (events < portion) {
      open.set(key, { parcel, events });
      continue;
    }
    open.delete(key);
    parcels.push(parcel);
  }
  return [...parcels, ...[...open.values()].map(({ parcel }) => parcel)];
}

/** Events of a stream that are asked for in one message. */
const portion = 100;

/** A record that cannot be read is its handler's turn, which says so. */
function wanted({ pick }: Pick<ConsumerSpec, "pick">, committed: Committed): readonly number[] {
  try {
    return pick?.(committed) ?? [];
  } catch {
    return [1];
  }
}
