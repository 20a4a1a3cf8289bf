import { createSystem } from "holdfast";
import { createDynamoPlaces } from "holdfast/aws/dynamodb";
import { placeConformance } from "holdfast/testing";
import { describeCases } from "../../testing/cases.ts";
import { describeOnDynamo, freshTable, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();

describeOnDynamo("with the real SDK", () => {
  describeCases({
    title: "the conformance suite for places on DynamoDB",
    cases: placeConformance,
    has: [],
    lacks: {},
    expected: { ran: 5, notApplicable: 0 },
    context: () => {
      const table = freshTable(dynamo.endpoint);
      const open = async () => {
        await table.open();
        return createDynamoPlaces({ client: table.client(), table: table.table, system: createSystem() });
      };
      return { open, close: table.close };
    },
  });
});
