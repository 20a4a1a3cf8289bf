import { isOrdered } from "../../core/broker/groups.ts";

/**
 * The name of a consumer's queue, behind whatever prefix a deployment gives its own: `sends.fifo`, `timers`,
 * `subscription-report.fifo`, `queue-imports`. At most 58 characters; SQS allows 80.
 */
export function queueName(consumer: string): string {
  return `${consumer.replace(":", "-")}${isOrdered(consumer) ? ".fifo" : ""}`;
}

/** The name of the queue that SQS moves a message to which no handler ever got hold of: `sends-dead.fifo`, `timers-dead`. */
export function deadQueueName(consumer: string): string {
  return queueName(consumer).replace(/(\.fifo)?$/, "-dead$1");
}
