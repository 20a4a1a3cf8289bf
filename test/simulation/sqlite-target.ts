import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem } from "holdfast";
import { createSqliteJournal, type SqliteJournal } from "holdfast/local";
import { createStoreTarget, remotePorts, type Target } from "holdfast/simulation";

/** One SQLite file, and a connection of its own for each instance. */
export function createSqliteTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-sim-"));
  const file = join(folder, "journal.db");
  const open: SqliteJournal[] = [];
  const connect = (system: Parameters<typeof createSqliteJournal>[0]["system"]): SqliteJournal => {
    // Nobody pulls the plug here; the crash tests do.
    const journal = createSqliteJournal({ file, system, synchronous: "normal" });
    open.push(journal);
    return journal;
  };
  const inspected = connect(createSystem());
  return createStoreTarget({
    store: inspected,
    connect: ({ system, remote }) => remotePorts(connect(system), remote),
    close() {
      for (const journal of open) void journal.close().catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
