import { busConformance, type BusContext } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { deploy } from "./fixtures.ts";

function context(): BusContext & { close(): Promise<void> } {
  let close = async (): Promise<void> => {};
  return {
    async open(app) {
      const deployed = await deploy(app);
      ({ close } = deployed);
      return deployed;
    },
    close: () => close(),
  };
}

describeCases({
  title: "the conformance suite of the bus on Service Bus, through the real SDK",
  cases: busConformance,
  has: ["bounds", "duplicates"],
  lacks: {},
  expected: { ran: 24, notApplicable: 0 },
  context,
});
