import type { StoredRecord, StreamId } from "../../core/journal/port.ts";
import { streamKey } from "../../core/runtime/live.ts";
import { createLru } from "../../core/runtime/lru.ts";
import type { Statements } from "./statements.ts";

/** 20,000 streams with their names are some 5 MB. */
const knownMax = 20_000;

/** What is known of a stream without asking the file. */
export interface KnownStream {
  /** The number that the file gives it. */
  readonly number: number;
  /** A record of it that stands, for records never leave: sequence 0 = none is known. */
  standing: Pick<StoredRecord, "sequence" | "id">;
}

export interface Streams {
  find(stream: StreamId): KnownStream | undefined;
  /** Inside a transaction. */
  findOrInsert(stream: StreamId): KnownStream;
  /** A transaction was rolled back: what it inserted never was, and its numbers are given to others. */
  forget(): void;
}

export function createStreams(sql: Statements): Streams {
  const empty = () => createLru<KnownStream>(knownMax, Number.POSITIVE_INFINITY);
  let known = empty();

  function learn(key: string, number: number): KnownStream {
    const stream = { number, standing: { sequence: 0, id: "" } };
    known.set(key, stream, 0);
    return stream;
  }

  function find(stream: StreamId): KnownStream | undefined {
    const key = streamKey(stream);
    const found = known.get(key);
    if (found !== undefined) return found;
    const row = sql.findStream.get(stream.tenant, stream.entity, stream.id);
    return row && learn(key, Number(row["id"]));
  }

  return {
    find,
    findOrInsert(stream) {
      const found = find(stream);
      if (found !== undefined) return found;
      const { lastInsertRowid } = sql.insertStream.run(stream.tenant, stream.entity, stream.id);
      return learn(streamKey(stream), Number(lastInsertRowid));
    },
    forget() {
      known = empty();
    },
  };
}
