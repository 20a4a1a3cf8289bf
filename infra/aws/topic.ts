import { CfnOutput, type Stack } from "aws-cdk-lib";
import { CfnSubscription, FifoThroughputScope, Topic } from "aws-cdk-lib/aws-sns";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Function as Lambda } from "aws-cdk-lib/aws-lambda";
import type { AwsPlan } from "../../functions/aws/plan.ts";
import type { Queues } from "./queues.ts";

export interface EventTopic {
  readonly topic: Topic;
  subscribe(queues: Queues, plan: AwsPlan, relay: Lambda): void;
}

/** The topic that all events go through, in order for each entity. */
export function createTopic(stack: Stack): EventTopic {
  const topic = new Topic(stack, "Events", {
    topicName: `${stack.stackName}-events.fifo`,
    fifo: true,
    fifoThroughputScope: FifoThroughputScope.MESSAGE_GROUP,
    contentBasedDeduplication: false,
    enforceSSL: true,
  });
  new CfnOutput(stack, "TopicArn", { value: topic.topicArn });
  return {
    topic,
    subscribe(queues, plan, relay) {
      for (const { consumer, name, filter } of plan.queues) {
        if (filter === undefined) continue;
        const { queue, dead, id } = queues.of(consumer);
        const subscription = new CfnSubscription(stack, `${id}Subscription`, {
          topicArn: topic.topicArn,
          protocol: "sqs",
          endpoint: queue.queueArn,
          rawMessageDelivery: true,
          filterPolicyScope: "MessageAttributes",
          filterPolicy: filter.policy,
          redrivePolicy: { deadLetterTargetArn: dead.queueArn },
        });
        subscription.node.addDependency(relay);
        const fromTopic = { ArnEquals: { "aws:SourceArn": topic.topicArn } };
        for (const [i, target] of [queue, dead].entries()) {
          target.addToResourcePolicy(
            new PolicyStatement({
              sid: `FromTopic${i}`,
              actions: ["sqs:SendMessage"],
              principals: [new ServicePrincipal("sns.amazonaws.com")],
              resources: [target.queueArn],
              conditions: fromTopic,
            }),
          );
        }
        if (!filter.exact) {
          process.stderr.write(
            `${name}: its filter policy lets through more than it wants, which the function drops:\n`,
          );
          for (const line of filter.widened) process.stderr.write(`  ${line}\n`);
        }
      }
    },
  };
}
