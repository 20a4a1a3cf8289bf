import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { PlannedQueue } from "../../functions/aws/plan.ts";
import type { Deployment } from "./deployment.ts";
import type { Invoke } from "./functions.ts";
import { region } from "./emulators.ts";

/**
 * The event source mapping of a queue: takes batches, invokes the function, deletes what it does not report.
 * @param isLost whether an answer is lost on its way: then all of its batch comes again
 */
export function pollQueue(
  { consumer, batchSize, parallel, timeoutSeconds, fifo }: PlannedQueue,
  { clients, queues }: Deployment,
  invoke: Invoke,
  stop: AbortSignal,
  isLost: () => boolean = () => false,
): Promise<void> {
  const queue = queues.get(consumer);
  if (queue === undefined) throw new Error(`There is no queue for ${consumer}.`);
  const { url: QueueUrl, arn } = queue;

  async function work(): Promise<void> {
    while (!stop.aborted) {
      try {
        const command = new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: batchSize,
          WaitTimeSeconds: 20,
          MessageSystemAttributeNames: ["All"],
          MessageAttributeNames: ["All"],
        });
        const { Messages: messages = [] } = await clients.sqs.send(command, { abortSignal: stop });
        if (messages.length > 0) await handle(messages);
      } catch {
        // The function has failed, or the queue: what was taken comes again.
      }
    }
  }

  async function handle(messages: readonly Message[]): Promise<void> {
    const event = { Records: messages.map((message) => recordOf(message, arn, fifo)) };
    const answer = (await invoke("queue", event, timeoutSeconds)) as
      | { batchItemFailures?: { itemIdentifier: string }[] }
      | undefined;
    const failed = new Set(answer?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier));
    const done = messages.filter(({ MessageId: id }) => !failed.has(id ?? ""));
    if (done.length === 0 || isLost()) return;
    const Entries = done.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }

  return Promise.all(Array.from({ length: Math.min(parallel, 4) }, work)).then(() => {});
}

/** A message as Lambda hands it over. Source: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function recordOf(message: Message, arn: string, fifo: boolean): object {
  const { ApproximateReceiveCount = "1", SentTimestamp = "0", MessageGroupId } = message.Attributes ?? {};
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body ?? "",
    attributes: { ApproximateReceiveCount, SentTimestamp, ...(fifo && { MessageGroupId }) },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { DataType, StringValue }]) => [
        name,
        { dataType: DataType, stringValue: StringValue, stringListValues: [], binaryListValues: [] },
      ]),
    ),
    md5OfBody: message.MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: arn,
    awsRegion: region,
  };
}
