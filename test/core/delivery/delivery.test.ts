import { createMemoryJournal } from "holdfast/memory";
import { deliveryConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { contextOn } from "../../testing/delivery-context.ts";

describeCases({
  title: "the delivery conformance suite on memory",
  cases: deliveryConformance,
  has: ["faults", "owner", "front"],
  lacks: {},
  expected: { ran: 78, notApplicable: 0 },
  context() {
    const journal = createMemoryJournal();
    return contextOn(() => journal);
  },
});
