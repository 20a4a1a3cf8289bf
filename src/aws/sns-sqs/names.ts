import { hash } from "node:crypto";
import type { StreamId } from "../../core/journal/port.ts";

/** True for the consumers whose queues keep an order: `sends` and subscriptions. */
export function isOrdered(consumer: string): boolean {
  return consumer === "sends" || consumer.startsWith("subscription:");
}

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

/** The names of an app's consumers, each of which has a queue. */
export function consumersOf(app: {
  readonly subscriptions: ReadonlyMap<string, unknown>;
  readonly workers: ReadonlyMap<string, { readonly queue: string }>;
}): readonly string[] {
  const subscriptions = [...app.subscriptions.keys()].map((name) => `subscription:${name}`);
  const queues = new Set([...app.workers.values()].map(({ queue }) => `queue:${queue}`));
  return ["sends", "timers", ...subscriptions, ...queues];
}

/** 43 characters of `[A-Za-z0-9_-]`: what group ids, deduplication ids and names of schedules may be made of. */
export function token(text: string): string {
  return hash("sha256", text, "base64url");
}

/** The group of a stream's messages; of one without a stream its id's, so that it waits for no other. */
export function groupOf({ stream, id }: { readonly stream?: StreamId | undefined; readonly id: string }): string {
  return token(stream === undefined ? id : `${stream.tenant}/${stream.entity}/${stream.id}`);
}
