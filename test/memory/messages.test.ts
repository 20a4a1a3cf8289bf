import { createMemoryJournal } from "holdfast/memory";
import { messageStoreConformance } from "holdfast/testing";
import { describeCases } from "../testing/cases.ts";

describeCases({
  title: "the message store conformance suite on the memory journal",
  cases: messageStoreConformance,
  has: [],
  lacks: { instances: "its store is the instance: another one has another store" },
  expected: { ran: 58, notApplicable: 3 },
  context: () => ({ open: () => createMemoryJournal(), close: async () => {} }),
});
