import type { SchedulerClient } from "@aws-sdk/client-scheduler";
import type { SNSClient } from "@aws-sdk/client-sns";
import type { SQSClient } from "@aws-sdk/client-sqs";
import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";
import type { Declared } from "../../core/broker/carriage.ts";

/** Where messages wait that are due later than SQS can hold them back. */
export interface ScheduleOptions {
  readonly client: SchedulerClient;
  /** Name of the schedule group. */
  readonly group: string;
  /** ARN of the role that the scheduler assumes to send. */
  readonly role: string;
  /** ARN of the queue `timers`. */
  readonly target: string;
  /** ARN of the queue for what the scheduler could not send. */
  readonly dead: string;
}

/** Clients are ready ones: region, credentials, retries and connections are their affair. Whoever made them closes them. */
export interface SnsSqsOptions {
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  /** ARN of the FIFO topic. */
  readonly topic: string;
  /** What the URLs of all queues begin with: `https://sqs.eu-central-1.amazonaws.com/123456789012/shop-`. */
  readonly queues: string;
  /** The app, or its manifest: its filters say how fields are written. The same that the filter policies were made from. */
  readonly app: Declared;
  readonly system: System;
  /** Absent: messages that are due in more than 15 minutes are refused. */
  readonly schedules?: ScheduleOptions | undefined;
  /** How long one request may take, the SDK's own retries included, 1 to 900,000. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Requests of one call at the same time, 1 to 100. Default 10; the SDK opens 50 connections at most. */
  readonly requestsMax?: number;
}

const known: ReadonlySet<string> = new Set([
  "sns",
  "sqs",
  "topic",
  "queues",
  "app",
  "system",
  "schedules",
  "requestTimeoutMs",
  "requestsMax",
]);

/** @throws HoldfastError `invalid-options` */
export function checkSnsSqsOptions(options: SnsSqsOptions): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw invalid(`Unknown option "${key}" of the bus on SNS and SQS. Known: ${[...known].join(", ")}.`);
  }
  const { sns, sqs, topic, queues, app, schedules, requestTimeoutMs = 1, requestsMax = 1 } = options;
  if (typeof sns?.send !== "function") throw invalid("sns has to be an SNSClient of @aws-sdk/client-sns.");
  if (typeof sqs?.send !== "function") throw invalid("sqs has to be an SQSClient of @aws-sdk/client-sqs.");
  if (typeof app?.subscriptions !== "object") throw invalid("app has to be an app, or its manifest.");
  checkAddresses({ topic, queues });
  checkWhole("requestTimeoutMs", requestTimeoutMs, 900_000);
  checkWhole("requestsMax", requestsMax, 100);
  if (schedules) checkSchedules(schedules);
}

/** @throws HoldfastError `invalid-options` */
export function checkAddresses({ topic, queues }: Pick<SnsSqsOptions, "topic" | "queues">): void {
  if (!/^arn:[\w-]+:sns:[\w-]+:\d+:[\w-]{1,251}\.fifo$/.test(topic)) {
    throw invalid(
      `topic is ${JSON.stringify(topic)}; it has to be the ARN of an SNS FIFO topic, which ends in ".fifo".`,
    );
  }
  if (!/^https?:\/\/[^/\s]+\/\S*$/.test(queues)) {
    throw invalid(
      `queues is ${JSON.stringify(queues)}; it has to be what the URLs of all queues begin with, such as https://sqs.eu-central-1.amazonaws.com/123456789012/shop-.`,
    );
  }
}

function checkSchedules({ client, group, role, target, dead }: ScheduleOptions): void {
  if (typeof client?.send !== "function") {
    throw invalid("schedules.client has to be a SchedulerClient of @aws-sdk/client-scheduler.");
  }
  if (!/^[\w.-]{1,64}$/.test(group)) {
    throw invalid(`schedules.group is ${JSON.stringify(group)}; it has to be the name of a schedule group.`);
  }
  for (const [name, arn, service] of [
    ["role", role, "iam"],
    ["target", target, "sqs"],
    ["dead", dead, "sqs"],
  ] as const) {
    if (typeof arn === "string" && new RegExp(`^arn:[\\w-]+:${service}:`).test(arn)) continue;
    throw invalid(`schedules.${name} is ${JSON.stringify(arn)}; it has to be an ARN of ${service}.`);
  }
}

function checkWhole(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw invalid(`${name} is ${String(value)}; it must be a whole number from 1 to ${max}.`);
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
