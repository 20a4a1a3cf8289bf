import { deliveryConformance } from "holdfast/testing";
import { beforeAll, vi } from "vitest";
import { onBrokers } from "../../core/broker/host.ts";
import { describeCases } from "../../testing/cases.ts";
import { describeOnDynamo, useDynamo } from "../dynamodb/fixtures.ts";
import { useAws } from "../sns-sqs/fixtures.ts";
import { awsContext } from "./context.ts";
import { handOutGroups } from "./fifo.ts";

const dynamo = useDynamo();
const aws = useAws();
beforeAll(handOutGroups);

// The longest sends ten thousand events through all emulators, one by one.
vi.setConfig({ testTimeout: 900_000 });

describeOnDynamo("with the real SDK", () => {
  describeCases({
    title: "the delivery conformance suite on DynamoDB, SNS, SQS, EventBridge Scheduler and Lambda's functions",
    cases: deliveryConformance,
    ...onBrokers,
    context: () => awsContext(() => ({ dynamo: dynamo.endpoint(), messages: aws().endpoint })),
  });
});
