import { CfnOutput, Duration, Fn, type Stack } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Topic } from "aws-cdk-lib/aws-sns";
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption, type QueueProps } from "aws-cdk-lib/aws-sqs";
import type { PlannedQueue } from "../../functions/aws/plan.ts";
import type { DeploymentOptions } from "./options.ts";
import { retention } from "./stack.ts";

export interface MadeQueue {
  readonly queue: Queue;
  readonly dead: Queue;
  readonly planned: PlannedQueue;
  /** Begins the logical ids of what belongs to it. */
  readonly id: string;
}

export interface Queues {
  readonly all: readonly MadeQueue[];
  of(consumer: string): MadeQueue;
  /** What the URLs of all begin with. */
  readonly urlPrefix: string;
}

/** Receives after which SQS itself moves a message. Those of outages count too, so it is the most that there can be. */
const receivesMax = 1_000;

/** Every queue of the plan with a dead-letter queue and alarms on both. */
export function createQueues(stack: Stack, { plan, alarmTopic }: DeploymentOptions): Queues {
  const action =
    alarmTopic === undefined ? undefined : new SnsAction(Topic.fromTopicArn(stack, "AlarmTopic", alarmTopic));

  function alarm(id: string, queue: Queue, what: "dead" | "late"): void {
    const isDead = what === "dead";
    const made = new Alarm(stack, id, {
      alarmDescription: isDead
        ? "No handler ever got hold of these messages: look at the function's log, then redrive them."
        : "Messages wait for more than an hour: handlers fail, or are too slow.",
      metric: isDead
        ? queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) })
        : queue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(5) }),
      threshold: isDead ? 1 : 3_600,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (action) made.addAlarmAction(action);
  }

  const all = plan.queues.map((planned): MadeQueue => {
    const id = idOf(planned.consumer);
    const both: QueueProps = {
      retentionPeriod: retention,
      // What a dead letter holds of it has to fit into an item of the table.
      maxMessageSizeBytes: 256 * 1_024,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      ...(planned.fifo && {
        fifo: true,
        deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
        fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      }),
    };
    const dead = new Queue(stack, `${id}Dead`, { ...both, queueName: `${stack.stackName}-${planned.deadName}` });
    const queue = new Queue(stack, `${id}Queue`, {
      ...both,
      queueName: `${stack.stackName}-${planned.name}`,
      visibilityTimeout: Duration.seconds(planned.visibilitySeconds),
      deadLetterQueue: { queue: dead, maxReceiveCount: receivesMax },
    });
    alarm(`${id}DeadAlarm`, dead, "dead");
    alarm(`${id}LateAlarm`, queue, "late");
    return { queue, dead, planned, id };
  });
  const urlPrefix = Fn.join("", [
    "https://sqs.",
    stack.region,
    ".",
    stack.urlSuffix,
    "/",
    stack.account,
    `/${stack.stackName}-`,
  ]);
  new CfnOutput(stack, "QueueUrls", { value: urlPrefix });
  return {
    all,
    urlPrefix,
    of(consumer) {
      const found = all.find(({ planned }) => planned.consumer === consumer);
      if (found) return found;
      throw new Error(`The plan has no queue for ${consumer}.`);
    },
  };
}

/** `subscription:report` -> `SubscriptionReport` */
export function idOf(consumer: string): string {
  return consumer
    .split(/[:-]/)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join("");
}
