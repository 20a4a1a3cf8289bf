import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { AwsPlan } from "../../functions/aws/plan.ts";
import { tableInput } from "../../src/aws/dynamodb/table.ts";
import { type Emulators, region } from "./emulators.ts";

const account = "000000000000";

export interface Clients {
  readonly dynamo: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
  destroy(): void;
}

/** The resources of a plan, made in the emulators. */
export interface Deployment {
  readonly clients: Clients;
  readonly streamArn: string;
  /** By consumer. */
  readonly queues: ReadonlyMap<string, { readonly url: string; readonly arn: string }>;
  /** Of the functions. */
  readonly environment: { readonly [name: string]: string };
}

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

/**
 * Makes the table, the topic, the queues, their subscriptions and the schedules.
 * @param visibilitySeconds instead of the plan's: how soon a message comes again whose function has died
 */
export async function deploy(
  plan: AwsPlan,
  name: string,
  emulators: Emulators,
  visibilitySeconds?: number,
): Promise<Deployment> {
  const common = { region, credentials, maxAttempts: 3 };
  const dynamo = new DynamoDBClient({ ...common, endpoint: emulators.dynamo });
  const streams = new DynamoDBStreamsClient({ ...common, endpoint: emulators.dynamo });
  const sns = new SNSClient({ ...common, endpoint: emulators.messages });
  const sqs = new SQSClient({ ...common, endpoint: emulators.messages });
  const scheduler = new SchedulerClient({ ...common, endpoint: emulators.scheduler });
  const table = `${name}-journal`;

  await dynamo.send(
    new CreateTableCommand({
      ...tableInput(table),
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
    }),
  );
  const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: table }));
  const topic = await sns.send(
    new CreateTopicCommand({
      Name: `${name}-events.fifo`,
      Attributes: { FifoTopic: "true", FifoThroughputScope: "MessageGroup" },
    }),
  );

  const queues = new Map<string, { url: string; arn: string }>();
  // What the emulator says has a host that only some resolvers know.
  const urlPrefix = `${emulators.messages}/${account}/${name}-`;
  const arnOf = (queue: string): string => `arn:aws:sqs:${region}:${account}:${name}-${queue}`;
  for (const { consumer, name: queue, deadName, fifo, visibilitySeconds: planned, filter } of plan.queues) {
    const kind = fifo
      ? { FifoQueue: "true", DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" }
      : {};
    await sqs.send(new CreateQueueCommand({ QueueName: `${name}-${deadName}`, Attributes: kind }));
    await sqs.send(
      new CreateQueueCommand({
        QueueName: `${name}-${queue}`,
        Attributes: {
          ...kind,
          VisibilityTimeout: String(visibilitySeconds ?? planned),
          RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf(deadName), maxReceiveCount: 1_000 }),
        },
      }),
    );
    queues.set(consumer, { url: `${urlPrefix}${queue}`, arn: arnOf(queue) });
    if (filter === undefined) continue;
    await sns.send(
      new SubscribeCommand({
        TopicArn: topic.TopicArn,
        Protocol: "sqs",
        Endpoint: arnOf(queue),
        Attributes: {
          RawMessageDelivery: "true",
          FilterPolicyScope: "MessageAttributes",
          FilterPolicy: JSON.stringify(filter.policy),
        },
      }),
    );
  }
  const timers = queues.get("timers")?.arn ?? "";
  for (const [i, { timer, expression, zone, message }] of plan.schedules.entries()) {
    await scheduler.send(
      new CreateScheduleCommand({
        Name: `${timer}-${i}`,
        GroupName: groupOf(name),
        ScheduleExpression: expression,
        ScheduleExpressionTimezone: zone,
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: { Arn: timers, RoleArn: roleArn, Input: message },
      }),
    );
  }

  return {
    clients: {
      dynamo,
      streams,
      sns,
      sqs,
      scheduler,
      destroy() {
        for (const client of [dynamo, streams, sns, sqs, scheduler]) client.destroy();
      },
    },
    streamArn: Table?.LatestStreamArn ?? "",
    queues,
    environment: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: emulators.dynamo,
      AWS_ENDPOINT_URL_SNS: emulators.messages,
      AWS_ENDPOINT_URL_SQS: emulators.messages,
      AWS_ENDPOINT_URL_SCHEDULER: emulators.scheduler,
      HOLDFAST_TABLE: table,
      HOLDFAST_TOPIC: topic.TopicArn ?? "",
      HOLDFAST_QUEUES: urlPrefix,
      HOLDFAST_SCHEDULES: groupOf(name),
      HOLDFAST_SCHEDULE_ROLE: roleArn,
      HOLDFAST_SCHEDULE_TARGET: timers,
      HOLDFAST_SCHEDULE_DEAD: arnOf("timers-dead"),
    },
  };
}

const roleArn = `arn:aws:iam::${account}:role/local`;

export function groupOf(name: string): string {
  return `${name}-timers`;
}
