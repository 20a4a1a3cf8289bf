import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { describeConformance } from "../../testing/conformance-runner.ts";

const index = "it has an index";

describeConformance({
  journal: "SQLite on a file",
  has: ["index", "instances", "predecessor"],
  lacks: { pages: index },
  expected: { ran: 83, notApplicable: 3 },
  context() {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-conformance-"));
    const opened: ReturnType<typeof createSqliteJournal>[] = [];
    return {
      open() {
        // `full` is what the kill and the durability tests use; here it would only cost an fsync for every append.
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

describeConformance({
  journal: "SQLite in memory",
  has: ["index", "predecessor"],
  lacks: { pages: index, instances: "each connection to :memory: has a database of its own" },
  expected: { ran: 77, notApplicable: 9 },
  context() {
    const journal = createSqliteJournal({ file: ":memory:", system: createSystem() });
    return { open: () => journal, close: () => journal.close() };
  },
});
