import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { StreamId } from "../../core/journal/port.ts";

/**
 * The sort keys of a stream's items, in their order:
 *
 *     k<sequence>/<n>         pages of keys
 *     r<sequence>             records
 *     s                       the snapshot
 *     s/<generation>/<n>      parts of a snapshot that is too large for one item
 *
 * So a descending query from `s` meets the snapshot, then the newest records. Sequences have 16 digits, which orders
 * them as numbers: 2^53 - 1 has as many.
 */
export const sortKeys = {
  page: (sequence: number, n: number): string => `k${digits(sequence)}/${String(n).padStart(3, "0")}`,
  record: (sequence: number): string => `r${digits(sequence)}`,
  snapshot: "s",
  part: (generation: string, n: number): string => `s/${generation}/${String(n).padStart(3, "0")}`,
  /** Behind everything that begins with the text. */
  end: (prefix: string): string => `${prefix}~`,
};

function digits(sequence: number): string {
  return String(sequence).padStart(16, "0");
}

/**
 * The partition key: `tenant/entity/id`. Neither a tenant nor an entity's name can hold a `/`, so no two streams share
 * one; 362 bytes at most.
 */
export function partitionOf({ tenant, entity, id }: StreamId): string {
  return `${tenant}/${entity}/${id}`;
}

/** The key of one item. */
export function keyOf(stream: StreamId, sk: string): { readonly pk: AttributeValue; readonly sk: AttributeValue } {
  return { pk: { S: partitionOf(stream) }, sk: { S: sk } };
}
