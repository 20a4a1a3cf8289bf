import type { Message } from "../../../core/broker/receive.ts";
import { HoldfastError } from "../../../core/errors.ts";
import { shapeOf } from "../http/event.ts";

/**
 * A batch of messages, as Lambda hands it over: what is read of it.
 * Source: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export interface QueueEvent {
  readonly Records: readonly QueueRecord[];
}

export interface QueueRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: {
    readonly ApproximateReceiveCount: string;
    readonly SentTimestamp: string;
    readonly MessageGroupId?: string | undefined;
  };
  readonly messageAttributes?: {
    readonly [name: string]: { readonly stringValue?: string | undefined; readonly binaryValue?: string | undefined };
  };
  readonly eventSource: string;
  readonly eventSourceARN: string;
}

/** Which messages are to come again; all others Lambda deletes. An empty list: none. */
export interface BatchAnswer {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** Where a batch comes from. */
export interface Queue {
  readonly name: string;
  readonly account: string;
  /** Whether the queue keeps an order within groups. */
  readonly ordered: boolean;
}

/** The records of a batch and their queue. @throws HoldfastError `malformed-event` that says what was expected */
export function readQueueEvent(event: unknown): { readonly queue: Queue; readonly records: readonly QueueRecord[] } {
  const { Records: records } = (event ?? {}) as Partial<QueueEvent>;
  if (!Array.isArray(records) || records.length === 0) {
    throw malformed(`takes events of Amazon SQS, with Records; this is ${shapeOf(event)}`);
  }
  for (const record of records as readonly unknown[]) checkRecord(record);
  // Checked one by one.
  const checked = records as readonly QueueRecord[];
  const [{ eventSourceARN: arn = "" } = {}, other] = new Map(
    checked.map((record) => [record.eventSourceARN, record]),
  ).values();
  if (other) throw malformed(`takes the messages of one queue at a time, not of ${arn} and ${other.eventSourceARN}`);
  const [, account, name] = /^arn:[a-z-]+:sqs:[a-z0-9-]+:(\d{12}):([\w.-]{1,80})$/.exec(arn) ?? [];
  if (account === undefined || name === undefined) {
    throw malformed(
      `takes messages whose eventSourceARN is an SQS queue's; this one is ${JSON.stringify(arn.slice(0, 200))}`,
    );
  }
  return { queue: { account, name, ordered: name.endsWith(".fifo") }, records: checked };
}

function checkRecord(record: unknown): asserts record is QueueRecord {
  const { messageId, receiptHandle, body, attributes, eventSource, eventSourceARN } = (record ??
    {}) as Partial<QueueRecord>;
  if (eventSource !== "aws:sqs") {
    throw malformed(
      `takes records with the eventSource "aws:sqs"; this is ${JSON.stringify(eventSource)}, ${shapeOf(record)}`,
    );
  }
  const texts = { messageId, receiptHandle, body, eventSourceARN };
  const lacking = Object.entries(texts).find(
    ([name, value]) => typeof value !== "string" || (value === "" && name !== "body"),
  );
  if (lacking) throw malformed(`takes records with a ${lacking[0]}, a text; this is ${shapeOf(record)}`);
  const numbers = { ApproximateReceiveCount: 1, SentTimestamp: 0 };
  for (const [name, least] of Object.entries(numbers)) {
    const value = Number(attributes?.[name as keyof typeof numbers]);
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw malformed(`takes records with the attribute ${name}, a number from ${least}; this is ${shapeOf(attributes)}`);
  }
}

/**
 * A message as the receiver takes it. Fair queues have groups without an order: those of a standard queue are left out.
 */
export function messageOf({ messageId, body, attributes, messageAttributes = {} }: QueueRecord, queue: Queue): Message {
  const named = Object.entries(messageAttributes).flatMap(([name, { stringValue, binaryValue }]) => {
    const value = stringValue ?? binaryValue;
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    id: messageId,
    group: queue.ordered ? attributes.MessageGroupId : undefined,
    receives: Number(attributes.ApproximateReceiveCount),
    body,
    attributes: Object.fromEntries(named),
    sent: Number(attributes.SentTimestamp),
  };
}

function malformed(what: string): HoldfastError {
  return new HoldfastError("malformed-event", `The queue handler ${what}.`);
}
