import { HoldfastError } from "../../core/errors.ts";
import type { Snapshot, StoredRecord } from "../../core/journal/port.ts";

type Row = Readonly<Record<string, unknown>>;

/**
 * The columns as a record's fields. The tables hold nothing else, but SQLite has no checksums: in a damaged file a column
 * may be anything.
 * @throws HoldfastError `journal-corrupt`
 */
export function recordOf(row: Row): StoredRecord {
  const { sequence, id, previous, time, version, entries } = row;
  if (
    isNumber(sequence, 1) &&
    isNumber(time, 0) &&
    isNumber(version, 0) &&
    typeof id === "string" &&
    typeof previous === "string" &&
    typeof entries === "string"
  ) {
    return { sequence, id, previous, time, version, entries };
  }
  throw damaged("a record");
}

/** @throws HoldfastError `journal-corrupt` */
export function snapshotOf(row: Row): Snapshot {
  const { sequence, revision, foreign_: foreign, derived, body } = row;
  const isWhole = isNumber(sequence, 1) && isNumber(revision, 1) && typeof body === "string";
  if (isWhole && isNumber(foreign, 0) && isNumber(derived, 0)) {
    return { sequence, revision, horizon: { foreign, derived }, body };
  }
  throw damaged("a snapshot");
}

function isNumber(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function damaged(what: string): HoldfastError {
  return new HoldfastError("journal-corrupt", `The journal is damaged: ${what} is not what was written.`);
}
