import { createMemoryJournal } from "holdfast/memory";
import { describeConformance } from "../testing/conformance-runner.ts";

describeConformance({
  journal: "the memory journal",
  has: ["pages", "predecessor"],
  lacks: {
    index: "it keeps pages",
    instances: "its store is the instance: another one has another store",
  },
  expected: { ran: 71, notApplicable: 15 },
  context: () => ({ open: () => createMemoryJournal(), close: async () => {} }),
});
