import { deliveryConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { brokerContext } from "./context.ts";
import { onBrokers } from "./host.ts";

describeCases({
  title: "the delivery conformance suite on a broker in memory",
  cases: deliveryConformance,
  ...onBrokers,
  context: brokerContext,
});
