import { createSystem } from "holdfast";
import { failureConformance } from "holdfast/testing";
import { describe } from "vitest";
import { createTablesFailures } from "holdfast/azure/tables";
import { describeCases } from "../../testing/cases.ts";
import { freshTable, useTables } from "./fixtures.ts";

const emulator = useTables();

describe("with the real SDK", () => {
  describeCases({
    title: "the failure store conformance suite on Table storage",
    cases: failureConformance,
    has: ["instances"],
    lacks: {},
    expected: { ran: 18, notApplicable: 0 },
    context: () => {
      const table = freshTable(emulator);
      const open = async () => {
        await table.make();
        return createTablesFailures({ client: table.client().client, system: createSystem() });
      };
      return { open, close: table.close };
    },
  });
});
