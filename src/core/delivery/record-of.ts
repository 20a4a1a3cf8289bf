import type { Journal, StoredRecord, StreamId } from "../journal/port.ts";
import type { Reference } from "./port.ts";

/** The record that a reference is in; nothing where there is no reference. */
export async function recordOf(
  journal: Journal,
  reference: Reference | undefined,
  known: StoredRecord | undefined,
): Promise<{ readonly stream: StreamId; readonly record: StoredRecord; readonly n: number } | undefined> {
  if (reference === undefined) return undefined;
  const { stream, sequence, n } = reference;
  const record = known ?? (await journal.record(stream, sequence));
  return record && { stream, record, n };
}
