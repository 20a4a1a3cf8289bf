import { HoldfastError } from "../../core/errors.ts";
import type { Horizon, StoredRecord } from "../../core/journal/port.ts";

/** Texts, whole numbers (64 bits, as bigints: the SDK makes Int32 of numbers), bytes. */
export type Properties = Readonly<Record<string, string | bigint | Uint8Array>>;

/** What is written. */
export interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly [property: string]: string | bigint | Uint8Array;
}

/** What comes back; properties that were not asked for are missing. */
export interface StoredRow {
  readonly partitionKey?: string;
  readonly rowKey?: string;
  /** Its version. */
  readonly etag: string;
  readonly [property: string]: unknown;
}

/** What the snapshot's row says besides the body. */
export interface Head {
  readonly sequence: number;
  readonly revision: number;
  readonly horizon: Horizon;
  /** Where the body is in parts: of which generation they are, and how many. */
  readonly parts?: { readonly generation: string; readonly count: number };
}

/** The properties of a record without its entries. */
export const recordHeader: readonly string[] = ["rowKey", "id", "previous", "time", "version", "published"];

/** The properties of `Head`. */
export const headHeader: readonly string[] = [
  "rowKey",
  "sequence",
  "revision",
  "foreignHorizon",
  "derivedHorizon",
  "generation",
  "parts",
];

export function recordProperties({ id, previous, time, version }: Omit<StoredRecord, "entries">): Properties {
  return { id, previous, time: BigInt(time), version: BigInt(version) };
}

/** @throws HoldfastError `journal-corrupt` where it is not a record that was written here */
export function recordHeaderOf(row: StoredRow): Omit<StoredRecord, "entries"> {
  const { id, previous } = row;
  if (typeof id !== "string" || typeof previous !== "string") throw damaged("a record");
  const time = numberOf(row["time"], 0, "a record");
  const version = numberOf(row["version"], 0, "a record");
  return { sequence: sequenceOf(row), id, previous, time, version };
}

/** The sequence in the row key of a record, or of a page. */
export function sequenceOf({ rowKey = "" }: StoredRow): number {
  const [, kind, number = ""] = /^([kt])(\d{16})/.exec(rowKey) ?? [];
  const found = kind === "t" ? Number.MAX_SAFE_INTEGER - Number(number) : Number(number);
  if (kind === undefined || !Number.isSafeInteger(found) || found < 1) throw damaged("a row key");
  return found;
}

export function headProperties({ sequence, revision, horizon, parts }: Head): Properties {
  return {
    sequence: BigInt(sequence),
    revision: BigInt(revision),
    ...horizonProperties(horizon),
    ...(parts && { generation: parts.generation, parts: BigInt(parts.count) }),
  };
}

export function horizonProperties({ foreign, derived }: Horizon): Properties {
  return { foreignHorizon: BigInt(foreign), derivedHorizon: BigInt(derived) };
}

/** @throws HoldfastError `journal-corrupt` where it is not a snapshot that was written here */
export function headOf(row: StoredRow): Head {
  const what = "a snapshot";
  const { generation } = row;
  return {
    sequence: numberOf(row["sequence"], 1, what),
    revision: numberOf(row["revision"], 1, what),
    horizon: {
      foreign: numberOf(row["foreignHorizon"], 0, what),
      derived: numberOf(row["derivedHorizon"], 0, what),
    },
    ...(typeof generation === "string" && { parts: { generation, count: numberOf(row["parts"], 1, what) } }),
  };
}

/** @throws HoldfastError `journal-corrupt` where it is no whole number of at least `min` */
export function numberOf(value: unknown, min: number, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw damaged(what);
}

/** The row's version. Without one the SDK would write whatever stands there. @throws HoldfastError `journal-failed` */
export function versionOf({ etag }: { readonly etag?: unknown }): string {
  if (typeof etag === "string" && etag !== "" && etag !== "*") return etag;
  throw new HoldfastError("journal-failed", "Table storage has answered without the version of a row.");
}

/** A row that is not what was written. */
export function damaged(what: string): HoldfastError {
  return new HoldfastError("journal-corrupt", `The journal is damaged: ${what} is not what was written.`);
}
