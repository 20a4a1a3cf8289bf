import type { PositionedRecord } from "../../core/delivery/port.ts";

/** Records, and bytes of their payloads, that are kept. */
const recordsMax = 4_096;
const bytesMax = 8 * 1024 * 1024;

/** The newest records that this process has stored: who delivers them need not read them. */
export interface Recent {
  /** Inside a transaction. */
  add(record: PositionedRecord): void;
  /** Answers which are there now. */
  commit(): readonly PositionedRecord[];
  undo(): void;
  clear(): void;
  /** Up to `limit` after `position`; nothing where the file must be asked. */
  after(position: number, limit: number): readonly PositionedRecord[] | undefined;
}

export function createRecent(): Recent {
  /** Without a gap: what other processes have stored in between is not known here. */
  let records: PositionedRecord[] = [];
  let added: PositionedRecord[] = [];
  let bytes = 0;

  function trim(): void {
    if (records.length <= recordsMax && bytes <= bytesMax) return;
    records = records.slice(Math.ceil(records.length / 2));
    bytes = records.reduce((sum, { record }) => sum + record.entries.length, 0);
  }

  return {
    add: (record) => void added.push(record),
    commit() {
      const committed = added;
      for (const next of committed) {
        const last = records.at(-1);
        if (last && next.position !== last.position + 1) {
          records = [];
          bytes = 0;
        }
        records.push(next);
        bytes += next.record.entries.length;
      }
      added = [];
      trim();
      return committed;
    },
    undo() {
      added = [];
    },
    clear() {
      records = [];
      bytes = 0;
    },
    after(position, limit) {
      const first = records[0]?.position;
      const last = records.at(-1)?.position;
      if (first === undefined || last === undefined || position + 1 < first || position >= last) return undefined;
      const from = position + 1 - first;
      return records.slice(from, from + limit);
    },
  };
}
