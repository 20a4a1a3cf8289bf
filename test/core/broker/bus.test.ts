import { busConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { memoryContext } from "./bus-context.ts";

describeCases({
  title: "the conformance suite of the bus on a broker in memory",
  cases: busConformance,
  has: ["duplicates"],
  lacks: { bounds: "it holds whatever fits into memory" },
  expected: { ran: 23, notApplicable: 1 },
  context: () => memoryContext(),
});
