import { describeConformance } from "../../testing/conformance-runner.ts";
import { describeOnDynamo, freshTable, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();

describeOnDynamo("with the real SDK", () => {
  describeConformance({
    journal: "DynamoDB",
    has: ["pages", "instances"],
    lacks: {
      index: "it keeps its keys in pages",
      predecessor: "the condition of a put sees the item in its own place only",
    },
    expected: { ran: 74, notApplicable: 12 },
    context: () => freshTable(dynamo.endpoint),
  });
});
