import type { App } from "../../core/app.ts";
import { batchesOf, marginMs } from "../../core/broker/receive.ts";
import { HoldfastError } from "../../core/errors.ts";
import { deliveryPolicy, type DeliveryPolicy } from "../../core/messaging/policy.ts";
import { deadQueueName, filterPolicies, isOrdered, queueName, type CompiledPolicy } from "../sns-sqs/index.ts";
import { scheduleExpressions } from "./cron.ts";

/** A queue with the function that its messages are for. */
export interface PlannedQueue {
  /** `sends`, `timers`, `subscription:<name>`, `queue:<name>` */
  readonly consumer: string;
  /** Without the deployment's prefix; at most 58 characters. */
  readonly name: string;
  readonly deadName: string;
  readonly fifo: boolean;
  /** Of the function. */
  readonly timeoutSeconds: number;
  /** Six times the function's: a mapping never extends it. */
  readonly visibilitySeconds: number;
  readonly batchSize: number;
  /** Batches at once; 1 is for the function's reserved concurrency, 2 to 1,000 for the mapping. */
  readonly parallel: number;
  /** Of a subscription: what lets its events through. */
  readonly filter?: CompiledPolicy;
}

/** One expression of a cron timer. A tick that two of them fire for is one tick. */
export interface PlannedSchedule {
  readonly timer: string;
  /** `cron(0 3 * * ? *)`, as EventBridge Scheduler reads it. */
  readonly expression: string;
  /** IANA zone. */
  readonly zone: string;
  /** What is sent to the queue `timers`. */
  readonly message: string;
}

/** What a deployment on AWS consists of, besides its table, topic, functions and interface. Data; sorted by name. */
export interface AwsPlan {
  readonly queues: readonly PlannedQueue[];
  readonly schedules: readonly PlannedSchedule[];
  /** Seconds that the functions for HTTP and for the stream may take. */
  readonly httpSeconds: number;
  readonly streamSeconds: number;
}

/** The longest that a function may take, seconds. Source: AWS Lambda quotas. */
const secondsMax = 900;

/**
 * Plans the deployment of an app.
 * @throws HoldfastError `invalid-options` for what Lambda or a queue cannot do, with what it can
 */
export function awsPlan(app: App): AwsPlan {
  const filters = filterPolicies(app);
  const own = (consumer: string): DeliveryPolicy => deliveryPolicy(consumer, { concurrency: 64 });
  const timers = [own("timers"), ...[...app.timers.values()].map(({ policy }) => policy)];
  const queues = [
    plannedQueue("sends", own("sends")),
    plannedQueue("timers", { ...own("timers"), timeoutMs: Math.max(...timers.map(({ timeoutMs }) => timeoutMs)) }),
    ...[...app.subscriptions.values()].map(({ name, policy }) =>
      plannedQueue(`subscription:${name}`, policy, filters.get(name)),
    ),
    ...[...app.workers.values()].map(({ queue, policy }) => plannedQueue(`queue:${queue}`, policy)),
  ];
  const schedules = [...app.timers.values()].flatMap(({ name: timer, cron, zone }) =>
    scheduleExpressions(cron, zone).map((expression) => ({
      timer,
      expression,
      zone,
      message: JSON.stringify({ timer, at: "<aws.scheduler.scheduled-time>" }),
    })),
  );
  return {
    queues: queues.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    schedules: schedules.toSorted((a, b) => (a.timer < b.timer ? -1 : 1)),
    httpSeconds: 30,
    streamSeconds: 120,
  };
}

function plannedQueue(
  consumer: string,
  { timeoutMs, concurrency }: DeliveryPolicy,
  filter?: CompiledPolicy,
): PlannedQueue {
  const needed = Math.ceil((timeoutMs + marginMs) / 1_000);
  if (needed > secondsMax) {
    throw new HoldfastError(
      "invalid-options",
      `timeoutMs of ${consumer} is ${timeoutMs}; on AWS a handler may take ${secondsMax * 1_000 - marginMs} ms at most, as a function ends after ${secondsMax} s.`,
    );
  }
  // Of a group one is handled after the other, so that there should be time for some.
  const timeoutSeconds = Math.min(secondsMax, Math.max(60, 2 * needed));
  const { size, parallel } = batchesOf(concurrency);
  return {
    consumer,
    name: queueName(consumer),
    deadName: deadQueueName(consumer),
    fifo: isOrdered(consumer),
    timeoutSeconds,
    visibilitySeconds: 6 * timeoutSeconds,
    batchSize: size,
    parallel,
    ...(filter && { filter }),
  };
}
