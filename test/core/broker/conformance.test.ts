import { deliveryConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { brokerContext } from "./context.ts";

describeCases({
  title: "the delivery conformance suite on a broker in memory",
  cases: deliveryConformance,
  has: [],
  lacks: {
    faults: "what delivers is not its store; test/core/broker/faults.test.ts breaks the broker",
    owner: "each message has an owner of its own, for as long as its handler may take",
    front: "a broker puts what is sent to it at the end",
  },
  expected: { ran: 56, notApplicable: 22 },
  context: brokerContext,
});
