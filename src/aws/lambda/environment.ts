import { HoldfastError } from "../../core/errors.ts";

/** The environment of the functions, checked. */
export interface Environment {
  readonly table: string;
  readonly topic: string;
  readonly queues: string;
  readonly schedules: string;
  readonly scheduleRole: string;
  readonly scheduleTarget: string;
  readonly scheduleDead: string;
  /** What the names of the queues begin with: the last part of `queues`. */
  readonly queuePrefix: string;
  readonly consumer: string | undefined;
  readonly log: string;
}

const arn = (service: string, rest: string): RegExp =>
  new RegExp(`^arn:[a-z-]+:${service}:[a-z0-9-]*:\\d{12}:${rest}$`);

/** What each variable holds. Source: the names' rules of DynamoDB, SNS, SQS, EventBridge Scheduler and IAM. */
const variables: readonly (readonly [name: string, holds: string, form: RegExp])[] = [
  ["HOLDFAST_TABLE", "the name or ARN of the journal's DynamoDB table", /^(?:[\w.-]{3,255}|arn:[\w:/.-]{1,1020})$/],
  ["HOLDFAST_TOPIC", "the ARN of the SNS FIFO topic", arn("sns", "[\\w-]{1,251}\\.fifo")],
  [
    "HOLDFAST_QUEUES",
    "what the URLs of the deployment's SQS queues begin with, e.g. https://sqs.eu-central-1.amazonaws.com/123456789012/shop-",
    /^https?:\/\/[^/?#]+\/\d{12}\/[\w-]{0,60}$/,
  ],
  ["HOLDFAST_SCHEDULES", "the name of the EventBridge Scheduler group", /^[\w.-]{1,64}$/],
  ["HOLDFAST_SCHEDULE_ROLE", "the ARN of the role that the scheduler assumes", arn("iam", "role/[\\w+=,.@/-]{1,512}")],
  ["HOLDFAST_SCHEDULE_TARGET", "the ARN of the queue timers", arn("sqs", "[\\w-]{1,80}")],
  ["HOLDFAST_SCHEDULE_DEAD", "the ARN of the dead-letter queue of the queue timers", arn("sqs", "[\\w-]{1,80}")],
];

/**
 * Reads the environment of a function. Optional are HOLDFAST_CONSUMER and HOLDFAST_LOG (default `info`).
 * @throws HoldfastError `invalid-options` that names all variables that are missing or malformed, and what each holds
 */
export function readEnvironment(env: { readonly [name: string]: string | undefined }): Environment {
  const problems = variables.flatMap(([name, holds, form]) => {
    const value = env[name];
    if (!value) return [`${name} is missing; it holds ${holds}.`];
    return form.test(value) ? [] : [`${name} is ${JSON.stringify(value.slice(0, 200))}; it has to hold ${holds}.`];
  });
  if (problems.length > 0) {
    throw new HoldfastError("invalid-options", `The function's environment is not complete. ${problems.join(" ")}`);
  }
  const read = (name: string): string => env[name] ?? "";
  const queues = read("HOLDFAST_QUEUES");
  return {
    table: read("HOLDFAST_TABLE"),
    topic: read("HOLDFAST_TOPIC"),
    queues,
    schedules: read("HOLDFAST_SCHEDULES"),
    scheduleRole: read("HOLDFAST_SCHEDULE_ROLE"),
    scheduleTarget: read("HOLDFAST_SCHEDULE_TARGET"),
    scheduleDead: read("HOLDFAST_SCHEDULE_DEAD"),
    queuePrefix: queues.slice(queues.lastIndexOf("/") + 1),
    consumer: env["HOLDFAST_CONSUMER"] || undefined,
    log: env["HOLDFAST_LOG"] || "info",
  };
}
