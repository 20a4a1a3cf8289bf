import { failureConformance } from "holdfast/testing";
import { createSystem } from "holdfast";
import { createDynamoFailures } from "holdfast/aws/dynamodb";
import { describeCases } from "../../testing/cases.ts";
import { describeOnDynamo, freshTable, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();

describeOnDynamo("with the real SDK", () => {
  describeCases({
    title: "the failure store conformance suite on DynamoDB",
    cases: failureConformance,
    has: ["instances"],
    lacks: {},
    expected: { ran: 18, notApplicable: 0 },
    context: () => {
      const table = freshTable(dynamo.endpoint);
      const open = async () => {
        await table.open();
        return createDynamoFailures({ client: table.client(), table: table.table, system: createSystem() });
      };
      return { open, close: table.close };
    },
  });
});
