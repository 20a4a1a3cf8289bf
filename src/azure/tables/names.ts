import type { StreamId } from "../../core/journal/port.ts";

/**
 * The row keys of a stream's rows, in their order, which is the only one that Tables read in:
 *
 *     k<sequence>.<n>          pages of keys
 *     p<generation>.<n>        parts of a snapshot that is too large for one row
 *     s                        the snapshot
 *     s-published              how far the stream is published
 *     t<2^53 - 1 - sequence>   records, so that the newest one comes first
 *
 * So a query from `s` meets the snapshot, then the newest records. All numbers have 16 digits, which orders them as text.
 */
export const rowKeys = {
  page: (sequence: number, n: number): string => `k${digits(sequence)}.${String(n).padStart(3, "0")}`,
  part: (generation: string, n: number): string => `p${generation}.${String(n).padStart(3, "0")}`,
  snapshot: "s",
  published: "s-published",
  record: (sequence: number): string => `t${digits(Number.MAX_SAFE_INTEGER - sequence)}`,
  /** Before every record. */
  newest: "t",
  /** Behind everything that begins with the text. */
  end: (prefix: string): string => `${prefix}~`,
};

/** 16 digits: as text in the order of numbers. */
export function digits(number: number): string {
  return String(number).padStart(16, "0");
}

/**
 * The partition of a stream: `tenant.entity.id`, the id as `keyOf` has it. Neither a tenant nor an entity's name can hold a
 * `.`, so no two streams share one. 449 characters at most.
 * Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model (keys of 1 KiB, UTF-16)
 */
export function partitionOf({ tenant, entity, id }: StreamId): string {
  return `${entityPrefix(tenant, entity)}${keyOf(id)}`;
}

/** What all partitions of an entity begin with. */
export function entityPrefix(tenant: string, entity: string): string {
  return `${tenant}.${entity}.`;
}

/** The stream of a partition; undefined for what is no stream's. */
export function streamOf(partition: string): StreamId | undefined {
  const [, tenant, entity, key] = /^([^.$][^.]*)\.([^.]+)\.(.+)$/s.exec(partition) ?? [];
  return tenant === undefined || entity === undefined || key === undefined
    ? undefined
    : { tenant, entity, id: textOf(key) };
}

/** What any text holds that a key may, and no tool has to escape. */
const plain = /^[A-Za-z0-9_.:@-]+$/;

/**
 * A text as (a part of) a key, which may hold neither `/`, `\`, `#`, `?` nor control characters: as it is where it consists
 * of `[A-Za-z0-9_.:@-]`, else `~` and its UTF-8 in base64 of an ascending alphabet. No two texts have the same key; keys of
 * either kind sort as the texts' UTF-8 does.
 */
export function keyOf(text: string): string {
  return plain.test(text) ? text : codedKey(text);
}

/** The key of a text in base64, whatever it consists of: keys of that kind can be compared with it. */
export function codedKey(text: string): string {
  return `~${translate(Buffer.from(text).toString("base64url"), base64url, ascending)}`;
}

/** The longest beginning of a text that is not in base64 as a key; in the order of keys it is not behind the text. */
export function plainBeginning(text: string): string {
  return /^[A-Za-z0-9_.:@-]*/.exec(text)?.[0] ?? "";
}

/** The text of a key. */
export function textOf(key: string): string {
  return key.startsWith("~") ? Buffer.from(translate(key.slice(1), ascending, base64url), "base64url").toString() : key;
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The same characters in the order of their codes, so that what is encoded sorts as its bytes do. */
const ascending: string = base64url.split("").toSorted().join("");

function translate(text: string, from: string, to: string): string {
  return text.replace(/./g, (character) => to[from.indexOf(character)] ?? "");
}
