import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Outcome } from "../../../core/broker/receive.ts";
import type { Queue, QueueRecord } from "./event.ts";

/** When a message that is handed out is to be handed out again. */
export interface Delay {
  readonly messageId: string;
  readonly receiptHandle: string;
  /** Seconds from now, 0 to 43,200. */
  readonly seconds: number;
}

/** Tells the queue; up to ten at once. Answers the ids of those that come when the queue's own time-out is over. */
export type ChangeVisibility = (queue: Queue, delays: readonly Delay[]) => Promise<readonly string[]>;

/** Of one call. Source: ChangeMessageVisibilityBatch of the SQS API reference. */
export const delaysMax = 10;

/**
 * Longest delay, seconds: SQS hides a message for 12 hours at most, counted from when it was handed out, which was up to
 * an invocation, 15 minutes, ago.
 */
const secondsMax = 43_200 - 900;

/**
 * Receives after which delays are at least so many seconds as there were receives, times three. SQS moves a message away
 * at its thousandth receive, and receives of an outage are not attempts: so they last for more than the 14 days for which
 * SQS keeps it, whatever the policy. Fewer are the policy's own affair: a handler may have failed a hundred times.
 */
const receivesFree = 100;
const secondsPerReceive = 3;

/** The delay of a message that comes again. */
export function delayOf(
  { messageId, receiptHandle, attributes }: Pick<QueueRecord, "messageId" | "receiptHandle" | "attributes">,
  { delayMs, progressed }: Outcome & { readonly kind: "again" },
): Delay {
  const receives = Number(attributes.ApproximateReceiveCount);
  const least = receives > receivesFree && !progressed ? receives * secondsPerReceive : 0;
  const seconds = Math.min(secondsMax, Math.max(least, Math.ceil(delayMs / 1_000)));
  return { messageId, receiptHandle, seconds };
}

/**
 * `ChangeMessageVisibilityBatch`. `queues`: what the URLs of the deployment's queues begin with. The SDK's command is loaded
 * at the first call: who handles no queues need not have the package.
 */
export function createChangeVisibility(client: SQSClient, queues: string): ChangeVisibility {
  return async (queue, delays) => (await import("./change.ts")).changeVisibility(client, queues)(queue, delays);
}
