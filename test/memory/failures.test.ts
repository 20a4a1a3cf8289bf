import { createMemoryFailures } from "holdfast/memory";
import { failureConformance } from "holdfast/testing";
import { describeCases } from "../testing/cases.ts";

describeCases({
  title: "the failure store conformance suite in memory",
  cases: failureConformance,
  has: [],
  lacks: { instances: "its store is the instance: another one has another store" },
  expected: { ran: 17, notApplicable: 1 },
  context: () => ({ open: createMemoryFailures, close: async () => {} }),
});
