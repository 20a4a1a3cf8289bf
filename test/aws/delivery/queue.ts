import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Context } from "aws-lambda";
import type { QueueEvent, QueueHandler } from "holdfast/aws/lambda";
import { recordOf } from "../../../packages/aws-local/queues.ts";
import type { PlannedQueue } from "holdfast/aws/plan";
import type { Deployment } from "./deployment.ts";
import type { Chance, Traffic } from "./traffic.ts";

/** What a queue has handed out, and that it hands it out again when nobody says anything. */
export interface Batch {
  readonly messages: readonly Message[];
  readonly hidden: Chance;
}

/** The event source mapping of a queue. Nothing is asked for where there can be nothing. */
export async function receive(
  { name, batchSize, visibilitySeconds }: PlannedQueue,
  { clients: { sqs }, prefix, queues }: Deployment,
  traffic: Traffic,
  now: number,
): Promise<Batch | undefined> {
  const command = new ReceiveMessageCommand({
    QueueUrl: `${queues}${name}`,
    MaxNumberOfMessages: batchSize,
    MessageSystemAttributeNames: ["All"],
    MessageAttributeNames: ["All"],
  });
  const { Messages: messages = [] } = await sqs.send(command);
  if (messages.length === 0) return undefined;
  return { messages, hidden: traffic.expect(`${prefix}${name}`, now + visibilitySeconds * 1_000) };
}

/** Invokes the function, and deletes what it does not report. */
export async function handle(
  { name, fifo }: PlannedQueue,
  { clients: { sqs }, arnOf, prefix, queues }: Deployment,
  traffic: Traffic,
  { messages, hidden }: Batch,
  handler: QueueHandler,
  context: Context,
): Promise<void> {
  // As Lambda has it; the handler looks at each of them.
  const event = { Records: messages.map((message) => recordOf(message, arnOf(name), fifo)) } as QueueEvent;
  const { batchItemFailures } = await handler(event, context);
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  const done = messages.filter(({ MessageId: id }) => !failed.has(id ?? ""));
  if (failed.size === 0) traffic.forget(`${prefix}${name}`, hidden);
  if (done.length === 0) return;
  const Entries = done.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: `${queues}${name}`, Entries }));
}
