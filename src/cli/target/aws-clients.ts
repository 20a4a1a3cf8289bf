import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { queueName } from "../../aws/sns-sqs/names.ts";
import type { ScheduleOptions } from "../../aws/sns-sqs/index.ts";
import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { System } from "../../core/runtime/system.ts";
import { CliError, messageOf } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { loaded } from "./packages.ts";

/** What the commands use of AWS, loaded when they do: who has no AWS SDK never loads it. */
export interface AwsClients {
  readonly dynamo: DynamoDBClient;
  /** The broker; `app`: where something is published. @throws CliError where an option or a package is missing */
  bus(app?: App): Promise<Bus>;
  /** When the consumer's queue was made, epoch milliseconds. @throws CliError */
  queueCreated(consumer: string): Promise<number>;
  destroy(): void;
}

const sdk = { target: "aws", name: "the AWS SDK", scope: /@(?:aws-sdk|smithy)\// };
const journalPackages = ["@aws-sdk/client-dynamodb"];
const busPackages = ["@aws-sdk/client-sns", "@aws-sdk/client-sqs", "@aws-sdk/client-scheduler"];

/** Clients with the user's own credentials, as the SDK finds them: environment, profile, single sign-on. */
export async function awsClients(options: TargetOptions, system: System): Promise<AwsClients> {
  const { DynamoDBClient } = await loaded(sdk, journalPackages, () => import("@aws-sdk/client-dynamodb"));
  const dynamo = new DynamoDBClient({});
  await checkConfig(dynamo);
  const made: { destroy(): void }[] = [dynamo];
  let bus: Promise<Bus> | undefined;

  function queuesOf(): string {
    const { queues } = options;
    if (queues) return queues;
    throw new CliError(
      "Name the queues: --queues <prefix>, or HOLDFAST_QUEUES, is what their URLs begin with, such as https://sqs.eu-central-1.amazonaws.com/123456789012/shop-.",
      2,
    );
  }

  async function createBus(app: App | undefined): Promise<Bus> {
    const queues = queuesOf();
    const { topic } = options;
    if (app && !topic) {
      throw new CliError("Name the topic: --topic <arn>, or HOLDFAST_TOPIC, is the ARN of the SNS FIFO topic.", 2);
    }
    const [{ SNSClient }, { SQSClient }, { SchedulerClient }, { createSnsSqsBus }] = await loaded(
      sdk,
      busPackages,
      () =>
        Promise.all([
          import("@aws-sdk/client-sns"),
          import("@aws-sdk/client-sqs"),
          import("@aws-sdk/client-scheduler"),
          import("../../aws/sns-sqs/index.ts"),
        ]),
    );
    const [sns, sqs, scheduler] = [new SNSClient({}), new SQSClient({}), new SchedulerClient({})];
    made.push(sns, sqs, scheduler);
    return createSnsSqsBus({
      sns,
      sqs,
      // Without an app nothing is published.
      topic: topic || "arn:aws:sns:none:0:none.fifo",
      queues,
      app: app ?? { subscriptions: new Map() },
      system,
      schedules: schedulesOf(scheduler),
    });
  }

  return {
    dynamo,
    bus: (app) => (bus ??= createBus(app)),
    async queueCreated(consumer) {
      const QueueUrl = `${queuesOf()}${queueName(consumer)}`;
      const { GetQueueAttributesCommand, SQSClient } = await loaded(
        sdk,
        busPackages,
        () => import("@aws-sdk/client-sqs"),
      );
      const sqs = new SQSClient({});
      made.push(sqs);
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["CreatedTimestamp"] });
      try {
        const { Attributes } = await sqs.send(command);
        return Number(Attributes?.["CreatedTimestamp"]) * 1_000;
      } catch (error) {
        throw new CliError(`The queue ${QueueUrl} cannot be asked: ${messageOf(error)}`);
      }
    },
    destroy() {
      for (const client of made) client.destroy();
    },
  };
}

/** As the functions have it in their environment. */
function schedulesOf(client: ScheduleOptions["client"]): ScheduleOptions | undefined {
  const { HOLDFAST_SCHEDULES: group, HOLDFAST_SCHEDULE_ROLE: role } = process.env;
  const { HOLDFAST_SCHEDULE_TARGET: target, HOLDFAST_SCHEDULE_DEAD: dead } = process.env;
  return group && role && target && dead ? { client, group, role, target, dead } : undefined;
}

/** Asked at the start: later on, it would look like a table that does not answer. */
async function checkConfig({ config }: DynamoDBClient): Promise<void> {
  await config.region().catch((error: unknown) => {
    throw new CliError(`No AWS region: set AWS_REGION, or AWS_PROFILE to a profile with one (${messageOf(error)}).`, 2);
  });
  await config.credentials().catch((error: unknown) => {
    throw new CliError(
      `No AWS credentials: log in (aws sso login, aws configure), or set AWS_PROFILE (${messageOf(error)}).`,
      2,
    );
  });
}
