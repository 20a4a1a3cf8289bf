import { describe } from "vitest";
import { describeConformance } from "../../testing/conformance-runner.ts";
import { freshTable, useTables } from "./fixtures.ts";

const emulator = useTables();

describe("with the real SDK", () => {
  describeConformance({
    journal: "Table storage",
    has: ["pages", "instances"],
    lacks: {
      index: "it keeps its keys in pages",
      predecessor: "an insert sees the row in its own place only",
    },
    expected: { ran: 74, notApplicable: 12 },
    context: () => freshTable(emulator),
  });
});
