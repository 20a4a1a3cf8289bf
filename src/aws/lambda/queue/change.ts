import { ChangeMessageVisibilityBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { ChangeVisibility } from "./visibility.ts";

/** `ChangeMessageVisibilityBatch`. `queues`: what the URLs of the deployment's queues begin with. */
export function changeVisibility(client: SQSClient, queues: string): ChangeVisibility {
  const { origin } = new URL(queues);
  return async ({ account, name }, delays) => {
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
