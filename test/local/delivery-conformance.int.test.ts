import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { deliveryConformance } from "holdfast/testing";
import { describeCases } from "../testing/cases.ts";
import { contextOn } from "../testing/delivery-context.ts";

describeCases({
  title: "the delivery conformance suite on SQLite",
  cases: deliveryConformance,
  has: ["faults", "owner", "front"],
  lacks: {},
  expected: { ran: 78, notApplicable: 0 },
  context() {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-delivery-"));
    const file = join(folder, "holdfast.db");
    // As two processes have them: each instance of a case has a journal of its own on the same file.
    const { close, ...context } = contextOn(() =>
      createSqliteJournal({ file, system: createSystem(), synchronous: "normal" }),
    );
    return {
      ...context,
      async close() {
        await close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
});
