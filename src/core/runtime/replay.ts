import { HoldfastError } from "../errors.ts";
import { decodeEntries, versionAt } from "../journal/format.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import { describe, erasedError } from "./live.ts";
import type { CommandItem } from "./requests.ts";

/** Answers from the record that consumed the key: one point read, nothing is run. */
export async function replay(journal: Journal, stream: StreamId, item: CommandItem, sequence: number): Promise<void> {
  try {
    const record = await journal.record(stream, sequence);
    const entries = record ? decodeEntries(record) : [];
    const index = entries.findIndex(({ key }) => key === item.key?.hash);
    const entry = entries[index];
    if (record === undefined || entry === undefined) {
      throw record?.entries === "[]"
        ? erasedError(stream)
        : new HoldfastError("journal-corrupt", `Record ${sequence} of ${describe(stream)} does not hold its key.`);
    }
    if (entry.fp !== item.fingerprint) throw reusedError(item);
    const version = versionAt(record, entries, index);
    const { rejected, reply } = entry;
    item.resolve(
      rejected
        ? { ok: false, ...rejected, status: rejected.status ?? 409, version, replayed: true }
        : { ok: true, reply, version, replayed: true },
    );
  } catch (error) {
    item.reject(error);
  }
}

export function reusedError(item: CommandItem): HoldfastError {
  return new HoldfastError(
    "idempotency-key-reused",
    `The idempotency key was used for another command or payload before ${item.command.name}.`,
  );
}
