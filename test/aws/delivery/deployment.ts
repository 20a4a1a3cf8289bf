import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { CreateTopicCommand, SetSubscriptionAttributesCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { type Scheduler, startScheduler } from "@holdfast/scheduler-emulator";
import { tableInput } from "holdfast/aws/dynamodb";
import { deadQueueName, queueName } from "holdfast/aws/sns-sqs";
import type { AwsPlan, PlannedQueue } from "holdfast/aws/plan";
import { createQueueMaker } from "./queue-maker.ts";
import { createSchedules, type Times } from "./schedules.ts";
import type { Traffic } from "./traffic.ts";

const account = "000000000000";
const region = "eu-central-1";
const group = "timers";

export interface Endpoints {
  readonly dynamo: string;
  /** SNS and SQS. */
  readonly messages: string;
}

export type Deployment = Awaited<ReturnType<typeof createDeployment>>;

let deployments = 0;

/** A table with its stream, a topic, and a scheduler of the case's own; what an app needs besides comes with its plan. */
export async function createDeployment({ dynamo, messages }: Endpoints, traffic: Traffic) {
  const name = `case${++deployments}`;
  const table = `${name}-journal`;
  const scheduler = await startScheduler({ sqs: messages, groups: [group] });
  const clients = clientsAt({ dynamo, messages }, scheduler, traffic);
  const { sns, sqs } = clients;
  await clients.dynamo.send(
    new CreateTableCommand({
      ...tableInput(table),
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
    }),
  );
  const { Table } = await clients.dynamo.send(new DescribeTableCommand({ TableName: table }));
  const { TopicArn: topic = "" } = await sns.send(
    new CreateTopicCommand({
      Name: `${name}-events.fifo`,
      Attributes: { FifoTopic: "true", FifoThroughputScope: "MessageGroup" },
    }),
  );
  const queues = `${messages}/${account}/${name}-`;
  const arnOf = (queue: string): string => `arn:aws:sqs:${region}:${account}:${name}-${queue}`;
  const target = arnOf(queueName("timers"));
  const role = `arn:aws:iam::${account}:role/scheduler`;

  const { makeQueue, has } = createQueueMaker(sqs, { name, queues, arnOf, traffic });
  const subscriptions = new Map<string, string>();

  async function subscribe({ name: queue, filter }: PlannedQueue): Promise<void> {
    if (filter === undefined) return;
    const FilterPolicy = JSON.stringify(filter.policy);
    const SubscriptionArn = subscriptions.get(queue);
    if (SubscriptionArn !== undefined) {
      await sns.send(
        new SetSubscriptionAttributesCommand({
          SubscriptionArn,
          AttributeName: "FilterPolicy",
          AttributeValue: FilterPolicy,
        }),
      );
      return;
    }
    const Attributes = { RawMessageDelivery: "true", FilterPolicyScope: "MessageAttributes", FilterPolicy };
    const subscription = { TopicArn: topic, Protocol: "sqs", Endpoint: arnOf(queue), Attributes };
    const answer = await sns.send(new SubscribeCommand(subscription));
    subscriptions.set(queue, answer.SubscriptionArn ?? "");
  }

  const schedule = createSchedules(clients.scheduler, scheduler, { group, role, target });

  return {
    clients,
    scheduler,
    table,
    topic,
    queues,
    streamArn: Table?.LatestStreamArn ?? "",
    prefix: `${name}-`,
    arnOf,
    schedules: {
      client: clients.scheduler,
      group,
      role,
      target,
      dead: arnOf(deadQueueName("timers")),
    },
    makeQueue,
    /** Makes what the plan has and is not there; queues that it does not have stay. Answers which consumers are new. */
    async deploy(plan: AwsPlan, times: Times): Promise<ReadonlySet<string>> {
      const isNew = new Set(plan.queues.map(({ consumer }) => consumer).filter((consumer) => !has(consumer)));
      for (const queue of plan.queues) {
        await makeQueue(queue.consumer, queue.visibilitySeconds);
        await subscribe(queue);
      }
      await schedule(plan, times);
      return isNew;
    },
    async close(): Promise<void> {
      await clients.dynamo.send(new DeleteTableCommand({ TableName: table }));
      await scheduler.stop();
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

function clientsAt({ dynamo, messages }: Endpoints, scheduler: Scheduler, traffic: Traffic) {
  // Cases begin thousands of requests at once, which wait for one of 50 sockets: nothing to warn of.
  const requestHandler = { socketAcquisitionWarningTimeout: 600_000 };
  const common = {
    region,
    maxAttempts: 3,
    requestHandler,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  return {
    dynamo: traffic.watch(new DynamoDBClient({ ...common, endpoint: dynamo })),
    streams: traffic.watch(new DynamoDBStreamsClient({ ...common, endpoint: dynamo })),
    sns: traffic.watch(new SNSClient({ ...common, endpoint: messages })),
    sqs: traffic.watch(new SQSClient({ ...common, endpoint: messages })),
    scheduler: traffic.watch(new SchedulerClient({ ...common, endpoint: scheduler.endpoint })),
  };
}
