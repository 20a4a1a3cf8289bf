import { DatabaseSync } from "node:sqlite";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import type { State } from "../observed.ts";

/** Reads the file from outside, while processes write it and when none is left. */
export interface StateReader {
  read(): Promise<State>;
  /** Consumer to the ownership that is written down. */
  owners(): ReadonlyMap<string, string>;
  /** Whether somebody holds the write lock at this moment. */
  isLocked(): boolean;
  close(): Promise<void>;
}

export function openState(file: string): StateReader {
  const journal = createSqliteJournal({ file, system: createSystem() });
  const db = new DatabaseSync(file);
  const waiting = db.prepare(
    // Not the plan of the next tick.
    `SELECT m.*, s.name AS subject FROM messages m LEFT JOIN streams s ON s.id = m.stream
     WHERE m.due IS NOT NULL AND NOT (m.consumer = 'timer:tick' AND m.armed = 1 AND m.since IS NULL)`,
  );
  const owners = db.prepare("SELECT name, owner FROM consumers");
  return {
    async read() {
      const records: State["records"][number][] = [];
      for (let position = 0; ; ) {
        const more = await journal.recordsAfter(position, 1_000);
        records.push(...more);
        const last = more.at(-1);
        if (last === undefined) break;
        position = last.position;
      }
      const dead = await journal.dead({ limit: 100_000 });
      return { records, dead, waiting: waiting.all().map((row) => JSON.stringify(row)) };
    },
    owners: () => new Map(owners.all().map((row) => [String(row["name"]), String(row["owner"])])),
    isLocked() {
      try {
        db.exec("BEGIN IMMEDIATE; ROLLBACK");
        return false;
      } catch {
        return true;
      }
    },
    async close() {
      db.close();
      await journal.close();
    },
  };
}
