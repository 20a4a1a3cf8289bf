import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message as SqsMessage,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { type Scheduler, startScheduler } from "@holdfast/scheduler-emulator";
import { buildApp } from "fauxqs";
import { createSystem, holdfast, on } from "holdfast";
import {
  consumersOf,
  createSnsSqsBus,
  deadQueueName,
  filterPolicies,
  isOrdered,
  queueName,
  type SnsSqsOptions,
} from "holdfast/aws/sns-sqs";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import * as z from "zod";
import type { App } from "../../../src/core/app.ts";
import type { Message } from "../../../src/core/broker/receive.ts";

const h = holdfast();

const thing = h
  .entity("thing", { initial: () => ({}), events: { happened: z.unknown() }, evolve: { happened: (state) => state } })
  .command("happen", { input: z.unknown(), decide: (_state, input, { events }) => events.happened(input) });

/** With one subscription and one worker, which is soon deployed. */
export const smallApp: App = h.app({
  entities: [thing],
  subscriptions: [h.subscription("all", { to: [on(thing.events.happened)], handle: () => {} })],
  workers: [h.worker("work", { queue: "work", input: z.unknown(), handle: () => {} })],
});

/** SNS, SQS and EventBridge Scheduler of this process's own. */
export interface Aws {
  readonly endpoint: string;
  readonly scheduler: Scheduler;
  stop(): Promise<void>;
}

const group = "timers";

/** fauxqs refuses every surrogate in a message for SQS, so every emoji; SQS refuses only what is no character. */
async function takeEveryCharacter(): Promise<void> {
  const main = import.meta.resolve("fauxqs");
  const types = (await import(/* @vite-ignore */ new URL("./sqs/sqsTypes.js", main).href)) as {
    readonly INVALID_MESSAGE_BODY_CHAR: RegExp;
  };
  const refused = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
  types.INVALID_MESSAGE_BODY_CHAR.test = (text) => refused.test(text);
}

async function startAws(): Promise<Aws> {
  await takeEveryCharacter();
  const app = buildApp({ logger: false, defaultRegion: "eu-central-1" });
  const endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
  const scheduler = await startScheduler({ sqs: endpoint, groups: [group] });
  return {
    endpoint,
    scheduler,
    async stop() {
      await Promise.all([scheduler.stop(), app.close()]);
    },
  };
}

/** Emulators for the file's tests, whose clock is this process's: `vi.setSystemTime` moves it. */
export function useAws(): () => Aws {
  let aws: Aws | undefined;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: 1_767_225_600_000 }));
  afterEach(() => void vi.useRealTimers());
  return () => {
    if (aws) return aws;
    throw new Error("The emulators run from beforeAll to afterAll.");
  };
}

function clientsOf({ endpoint, scheduler }: Aws, maxAttempts: number) {
  const common = {
    maxAttempts,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  return {
    sns: new SNSClient({ ...common, endpoint }),
    sqs: new SQSClient({ ...common, endpoint }),
    scheduler: new SchedulerClient({ ...common, endpoint: scheduler.endpoint }),
  };
}

export type Clients = ReturnType<typeof clientsOf>;

let deployments = 0;

/** A topic, the queues of an app and its subscriptions with their policies, as the infrastructure makes them. */
export async function deploy(aws: Aws, app: App, { maxAttempts = 3 } = {}) {
  const prefix = `app${++deployments}-`;
  const clients = clientsOf(aws, maxAttempts);
  // A pair for the tests, so that what is counted or broken on the bus's own is the bus's.
  const own = clientsOf(aws, 3);
  const { TopicArn: topic = "" } = await own.sns.send(
    new CreateTopicCommand({ Name: `${prefix}events.fifo`, Attributes: { FifoTopic: "true" } }),
  );
  let queues = "";
  for (const consumer of consumersOf(app)) {
    for (const name of [deadQueueName(consumer), queueName(consumer)]) {
      const Attributes = isOrdered(consumer) ? { FifoQueue: "true" } : {};
      const made = await own.sqs.send(new CreateQueueCommand({ QueueName: `${prefix}${name}`, Attributes }));
      queues = (made.QueueUrl ?? "").slice(0, -name.length);
    }
  }
  const arn = (name: string): string => `arn:aws:sqs:eu-central-1:000000000000:${prefix}${name}`;
  for (const [name, { policy }] of filterPolicies(app)) {
    const Attributes = { RawMessageDelivery: "true", FilterPolicy: JSON.stringify(policy) };
    const Endpoint = arn(queueName(`subscription:${name}`));
    await own.sns.send(new SubscribeCommand({ TopicArn: topic, Protocol: "sqs", Endpoint, Attributes }));
  }
  const schedules = {
    client: clients.scheduler,
    group,
    role: "arn:aws:iam::000000000000:role/scheduler",
    target: arn(queueName("timers")),
    dead: arn(deadQueueName("timers")),
  };
  const { sns, sqs } = clients;
  const options: SnsSqsOptions = { sns, sqs, topic, queues, app, system: createSystem(), schedules };
  return {
    options,
    clients,
    own,
    prefix,
    bus: createSnsSqsBus(options),
    now: () => Date.now(),
    async advance(ms: number) {
      vi.setSystemTime(Date.now() + ms);
      await aws.scheduler.fire(Date.now());
    },
    drain: (consumer: string) => drain(own.sqs, `${queues}${queueName(consumer)}`),
    close() {
      for (const client of [...Object.values(clients), ...Object.values(own)]) client.destroy();
    },
  };
}

/** Takes and deletes all that the queue hands out. */
export async function drain(sqs: SQSClient, QueueUrl: string): Promise<readonly Message[]> {
  const drained: Message[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      }),
    );
    if (Messages.length === 0) return drained;
    drained.push(...Messages.map(messageOf));
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

function messageOf({ MessageId = "", Body = "", Attributes = {}, MessageAttributes = {} }: SqsMessage): Message {
  const attributes = Object.entries(MessageAttributes).map(([name, { StringValue = "" }]) => [name, StringValue]);
  return {
    id: MessageId,
    group: Attributes.MessageGroupId,
    receives: Number(Attributes.ApproximateReceiveCount),
    body: Body,
    attributes: Object.fromEntries(attributes) as { readonly [name: string]: string },
    sent: Number(Attributes.SentTimestamp),
  };
}
