import type { StreamId } from "../journal/port.ts";

/** Of something in a stream: its record, and its number there, from 1. */
export interface Place {
  readonly sequence: number;
  readonly n: number;
}

/**
 * How far a subscription that begins at the beginning has come in streams that are older than its queue. Rows that are
 * written only until its backfill is over.
 */
export interface PlaceStore {
  /** The last of the stream that the consumer is through with; strongly consistent. */
  place(consumer: string, stream: StreamId): Promise<Place | undefined>;
  /** Remembers it, unless a later one is remembered already. */
  savePlace(consumer: string, stream: StreamId, place: Place): Promise<void>;
  /**
   * When its backfill was over, epoch milliseconds: of what was committed later nothing older of its stream is missing in
   * the queue. Absent: it is not over.
   */
  backfilled(consumer: string): Promise<number | undefined>;
  /** The backfill is over; the latest time stands. */
  setBackfilled(consumer: string, at: number): Promise<void>;
}

export function isBefore(a: Place, b: Place): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.n < b.n);
}
