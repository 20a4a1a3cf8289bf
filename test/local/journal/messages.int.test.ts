import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem } from "holdfast";
import { createSqliteJournal, type SqliteJournal } from "holdfast/local";
import { messageStoreConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";

describeCases({
  title: "the message store conformance suite on SQLite",
  cases: messageStoreConformance,
  has: ["instances"],
  lacks: {},
  expected: { ran: 61, notApplicable: 0 },
  context() {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-messages-"));
    const opened: SqliteJournal[] = [];
    return {
      open() {
        const file = join(folder, "holdfast.db");
        const journal = createSqliteJournal({ file, system: createSystem(), synchronous: "normal" });
        opened.push(journal);
        return journal;
      },
      async close() {
        for (const journal of opened) await journal.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
});
