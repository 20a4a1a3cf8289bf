import type { StoredRecord, StreamId } from "../journal/port.ts";
import { createLru } from "../runtime/lru.ts";

/** How far this process knows streams to be published. */
export interface Marks {
  /** All records up to that sequence are with the broker. Undefined: it is not known. */
  get(key: string): number | undefined;
  /** Notes a sequence; a lower one changes nothing. */
  raise(key: string, sequence: number): void;
}

/** How far a stream is published, as its store knows it, and what lies behind. */
export interface Unpublished {
  /** All records up to that sequence are with the broker; there may be more. */
  readonly published: number;
  /** Those after it, ascending and dense. */
  readonly records: readonly StoredRecord[];
}

/** Of stores that tell nobody of their records: how far publishing has got, as records and a row of the stream's own say it. */
export interface MarkStore {
  /** The first `limit` records that may not be published. One query where there is none. */
  unpublished(stream: StreamId, limit: number): Promise<Unpublished>;
  /** Notes that all records up to that sequence are published; a lower one changes nothing. */
  setPublished(stream: StreamId, sequence: number): Promise<void>;
}

/** Streams of which it is remembered; of others it is read, or not known. */
const streamsMax = 20_000;

export function createMarks(): Marks {
  const marks = createLru<number>(streamsMax, Number.MAX_SAFE_INTEGER);
  return {
    get: marks.get,
    raise(key, sequence) {
      if (sequence > (marks.get(key) ?? -1)) marks.set(key, sequence, 1);
    },
  };
}
