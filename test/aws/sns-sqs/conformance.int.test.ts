import { busConformance, type BusContext } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { deploy, useAws } from "./fixtures.ts";

const aws = useAws();

function context(): BusContext & { close(): Promise<void> } {
  let close = (): void => {};
  return {
    async open(app) {
      const deployed = await deploy(aws(), app);
      close = deployed.close;
      return deployed;
    },
    async close() {
      close();
    },
  };
}

describeCases({
  title: "the conformance suite of the bus on SNS, SQS and EventBridge Scheduler",
  cases: busConformance,
  has: ["bounds", "duplicates"],
  lacks: {},
  expected: { ran: 24, notApplicable: 0 },
  context,
});
