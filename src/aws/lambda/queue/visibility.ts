import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Outcome } from "../../../core/broker/receive.ts";
import type { Queue } from "./event.ts";

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

/** The delay of a message that comes again. */
export function delayOf(
  { messageId, receiptHandle }: Pick<Delay, "messageId" | "receiptHandle">,
  { delayMs }: Outcome & { readonly kind: "again" },
): Delay {
  const seconds = Math.min(secondsMax, Math.max(0, Math.ceil(delayMs / 1_000)));
  return { messageId, receiptHandle, seconds };
}

/** `ChangeMessageVisibilityBatch`. `queues`: what the URLs of the deployment's queues begin with. */
export function createChangeVisibility(client: SQSClient, queues: string): ChangeVisibility {
  const { origin } = new URL(queues);
  return async ({ account, name }, delays) => {
    const { ChangeMessageVisibilityBatchCommand } = await import("@aws-sdk/client-sqs");
    const command = new ChangeMessageVisibilityBatchCommand({
      QueueUrl: `${origin}/${account}/${name}`,
      Entries: delays.map(({ receiptHandle, seconds }, i) => ({
        Id: String(i),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      })),
    });
    const { Failed = [] } = await client.send(command);
    return Failed.map(({ Id }) => delays[Number(Id)]?.messageId ?? "");
  };
}
