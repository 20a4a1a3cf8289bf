import { App, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { AttributeType, BillingMode, StreamViewType, Table } from "aws-cdk-lib/aws-dynamodb";
import { createApi } from "./api.ts";
import { createFunctions } from "./functions.ts";
import { createQueues } from "./queues.ts";
import type { DeploymentOptions } from "./options.ts";
import { createSchedules } from "./schedules.ts";
import { createTopic } from "./topic.ts";

/** The template of a deployment, and what belongs to it, written to a folder. Answers the template. */
export function synthesise(folder: string, options: DeploymentOptions): object {
  const app = new App({ outdir: folder, analyticsReporting: false });
  createStack(app, options);
  return app.synth().getStackByName(options.name).template as object;
}

/** A deployment of an app: a table, a topic, queues, functions, schedules, an HTTP API, and alarms. */
function createStack(app: App, options: DeploymentOptions): void {
  const stack = new Stack(app, options.name, {
    analyticsReporting: false,
    description: `Holdfast: ${options.name}`,
    ...(options.region !== undefined && { env: { region: options.region } }),
  });
  const table = new Table(stack, "Journal", {
    partitionKey: { name: "pk", type: AttributeType.STRING },
    sortKey: { name: "sk", type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    stream: StreamViewType.NEW_IMAGE,
    timeToLiveAttribute: "expires",
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const topic = createTopic(stack);
  const queues = createQueues(stack, options);
  const schedules = createSchedules(stack, options, queues);
  const { http, stream } = createFunctions(stack, options, { table, topic, queues, schedules });
  // Events of a new subscription are carried by a relay that knows what its filter compares.
  topic.subscribe(queues, options.plan, stream);
  createApi(stack, options, http);
}

/** How long what waits in a queue is kept: the longest that SQS can. */
export const retention: Duration = Duration.days(14);
