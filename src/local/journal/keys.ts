import { decodeEntries } from "../../core/journal/format.ts";
import type { ForgottenKeys, StoredKey } from "../../core/journal/port.ts";
import type { Statements } from "./statements.ts";

/**
 * Keys, with the records that are read for them, per transaction: the event loop stands still for about 10 ms. An
 * entity with a full window that wakes up after a day has 65,536 to forget, which took a second at once.
 */
export const keysPerSlice = 1_000;

/** The key index, in slices; every function runs inside a transaction. `at` is the stream's number. */
export interface KeyRows {
  insert(at: number, keys: readonly StoredKey[]): void;
  /** Removes a slice of what the ranges cover; returns what is left to do. */
  forget(at: number, ranges: readonly ForgottenKeys[]): readonly ForgottenKeys[];
  /** Removes a slice of the stream's keys; returns whether there are more. */
  deleteSome(at: number): boolean;
}

export function createKeyRows(sql: Statements): KeyRows {
  return {
    insert(at, keys) {
      for (const [hash, sequence] of keys) sql.insertKey.run(at, hash, sequence);
    },
    forget(at, ranges) {
      let room = keysPerSlice;
      for (const [i, { from, to, derived }] of ranges.entries()) {
        for (const row of sql.entriesOf.iterate(at, from, to)) {
          const record = { sequence: Number(row["sequence"]), entries: String(row["entries"]) };
          if (room <= 0) return [{ from: record.sequence, to, derived }, ...ranges.slice(i + 1)];
          room--;
          for (const { key, derived: isDerived = false } of decodeEntries(record)) {
            if (key === undefined || isDerived !== derived) continue;
            sql.deleteKey.run(at, key, record.sequence);
            room--;
          }
        }
      }
      return [];
    },
    deleteSome(at) {
      const end = sql.keysEnd.get(at, keysPerSlice)?.["hash"];
      if (typeof end !== "string") sql.deleteKeys.run(at);
      else sql.deleteKeysBefore.run(at, end);
      return typeof end === "string";
    },
  };
}
