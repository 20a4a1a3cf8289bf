import type { Journal, StoredRecord } from "../journal/port.ts";
import type { Reference } from "../delivery/port.ts";
import type { ConsumerSpec } from "../delivery/spec.ts";
import { streamKey } from "../runtime/live.ts";
import type { Parcel } from "./bus.ts";
import type { Committed } from "./outbox.ts";
import { isBefore, type Place, type PlaceStore } from "./places.ts";
import type { Outcome } from "./receive.ts";
import { type Referred, referenceBody } from "./wire.ts";

export interface CatchUpPorts {
  readonly places: PlaceStore;
  readonly journal: Pick<Journal, "history" | "record">;
}

/** A message of a subscription that begins at the beginning. */
export interface Asking extends Pick<Referred, "catchUp" | "isPublished"> {
  readonly reference: Reference;
  readonly spec: ConsumerSpec;
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
  handle: (missed: Reference, record: StoredRecord) => Promise<Outcome>,
) => Promise<Outcome>;

/** Records that are read at once. */
const pageMax = 100;

/** Events that are handled before it is stored how far it is; after a crash as many come again. */
const unsavedMax = 10;

const done: Outcome = { kind: "done" };

export function createCatchUp({ places, journal }: CatchUpPorts): CatchUp {
  const backfilled = new Map<string, number>();

  async function isOver({ name }: ConsumerSpec, { time }: StoredRecord): Promise<boolean> {
    const at = backfilled.get(name) ?? (await places.backfilled(name));
    if (at === undefined) return false;
    backfilled.set(name, at);
    return time > at;
  }

  return async (message, handle) => {
    const { spec, reference, catchUp, isPublished, own } = message;
    const { stream, sequence } = reference;
    const record = await journal.record(stream, sequence);
    if (record === undefined || (!catchUp && (await isOver(spec, record)))) return own(record);
    let saved = await places.place(spec.name, stream);
    let reached = saved;
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

    try {
      for await (const { record, n } of missing(spec, saved, reference, catchUp)) {
        const missed = { stream, sequence: record.sequence, n };
        const outcome = await pass(missed, handle(missed, record));
        if (outcome.kind === "again") return outcome;
      }
      if (catchUp) return done;
      if (!reached || isBefore(reached, reference)) return await pass(reference, own(record));
      return isPublished ? done : await own(record);
    } finally {
      await save();
    }
  };

  /** What is wanted of the stream between those two places, `to` included if it says so. */
  async function* missing(
    spec: ConsumerSpec,
    from: Place | undefined,
    { stream, ...to }: Reference,
    withLast = false,
  ): AsyncGenerator<{ readonly record: StoredRecord; readonly n: number }> {
    for (let after = (from?.sequence ?? 1) - 1; after < to.sequence; ) {
      const records = await journal.history(stream, { after, limit: Math.min(pageMax, to.sequence - after) });
      const last = records.at(-1);
      if (last === undefined) return;
      for (const record of records) {
        for (const n of wanted(spec, { stream, record })) {
          const place = { sequence: record.sequence, n };
          if (from && !isBefore(from, place)) continue;
          if (isBefore(place, to) || (withLast && !isBefore(to, place))) yield { record, n };
        }
      }
      after = last.sequence;
    }
  }
}

/**
 * What a subscription that begins at the beginning has to be sent, of some records of the journal, each stream's in its
 * order: for each stream, that everything up to the newest event that it wants is to be handled.
 */
export function backfillParcels(spec: Pick<ConsumerSpec, "pick">, records: readonly Committed[]): readonly Parcel[] {
  const parcels = new Map<string, Parcel>();
  for (const { stream, record } of records) {
    const n = wanted(spec, { stream, record }).at(-1);
    if (n === undefined) continue;
    const { sequence } = record;
    const body = referenceBody({ stream, sequence, n, catchUp: true });
    parcels.set(streamKey(stream), { stream, id: `backfill-${record.id}-${n}`, body });
  }
  return [...parcels.values()];
}

/** A record that cannot be read is its handler's turn, which says so. */
function wanted({ pick }: Pick<ConsumerSpec, "pick">, committed: Committed): readonly number[] {
  try {
    return pick?.(committed) ?? [];
  } catch {
    return [1];
  }
}
