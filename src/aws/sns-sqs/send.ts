import { SendMessageBatchCommand, type SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import type { BusResults, Parcel } from "../../core/broker/bus.ts";
import { HoldfastError } from "../../core/errors.ts";
import { sendableJson } from "./attributes.ts";
import { batchesOf, bytesOf, deliver, type Entry } from "./batches.ts";
import { messageRefused } from "../../core/broker/bus-errors.ts";
import { groupOf, isOrdered, token } from "../../core/broker/groups.ts";
import type { Target } from "./errors.ts";
import { queueName } from "./names.ts";
import type { SnsSqsOptions } from "./options.ts";
import { type createRequests, sideBySide } from "./requests.ts";
import { schedule } from "./schedule.ts";

export interface SendPorts extends Pick<SnsSqsOptions, "sqs" | "queues" | "schedules" | "system"> {
  readonly request: ReturnType<typeof createRequests>;
  readonly requestsMax: number;
}

/** The longest that SQS holds a message back. Source: SendMessage, DelaySeconds. */
export const delayMaxMs = 900_000;

/** Attributes of one message. Source: the message quotas of SQS. */
const attributesMax = 10;

/** What a consumer's queue has to be, for messages. */
export function queueTarget(queues: string, consumer: string): Target {
  const kind = isOrdered(consumer) ? "FIFO" : "standard";
  return {
    name: `Queue "${queues}${queueName(consumer)}"`,
    expected: `the ${kind} queue of the consumer "${consumer}" in this account and region`,
  };
}

/** Puts messages into a consumer's queue; where it keeps an order, one at most of each stream. Never rejects. */
export async function send(ports: SendPorts, consumer: string, messages: readonly Parcel[]): Promise<BusResults> {
  const { sqs, queues, system, request, requestsMax } = ports;
  const target = queueTarget(queues, consumer);
  const now = system.now();
  const results: (HoldfastError | undefined)[] = messages.map(() => undefined);
  const settle = (place: number, error: HoldfastError | undefined): void => void (results[place] = error);
  const entries: Entry<Omit<SendMessageBatchRequestEntry, "Id">>[] = [];
  const work: (() => Promise<void>)[] = [];
  for (const [place, parcel] of messages.entries()) {
    const delayMs = Math.max(0, (parcel.notBefore ?? 0) - now);
    const error = refusal(consumer, parcel, delayMs);
    if (error) settle(place, error);
    else if (delayMs > delayMaxMs) work.push(async () => settle(place, await schedule(ports, consumer, parcel)));
    else entries.push(entryOf(place, parcel, isOrdered(consumer), delayMs));
  }
  for (const batch of batchesOf(entries, target, settle)) {
    const post = (some: readonly SendMessageBatchRequestEntry[]) => {
      const command = new SendMessageBatchCommand({ QueueUrl: `${queues}${queueName(consumer)}`, Entries: [...some] });
      return request((how) => sqs.send(command, how));
    };
    work.push(() => deliver(batch, target, post, settle));
  }
  await sideBySide(work, requestsMax);
  return results;
}

function entryOf(
  place: number,
  parcel: Parcel,
  hasOrder: boolean,
  delayMs: number,
): Entry<Omit<SendMessageBatchRequestEntry, "Id">> {
  const attributes = Object.fromEntries(
    Object.entries(parcel.attributes ?? {}).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );
  const body = sendableJson(parcel.body);
  return {
    place,
    bytes: bytesOf(body, attributes),
    request: {
      MessageBody: body,
      ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributes }),
      ...(hasOrder && { MessageGroupId: groupOf(parcel), MessageDeduplicationId: token(parcel.id) }),
      // Rounded up: a message never comes before its time for that.
      ...(delayMs > 0 && { DelaySeconds: Math.ceil(delayMs / 1_000) }),
    },
  };
}

/** What SQS would refuse, perhaps with the whole batch, or would do in another way than was asked for. */
function refusal(consumer: string, { attributes = {}, body }: Parcel, delayMs: number): HoldfastError | undefined {
  const names = Object.keys(attributes);
  if (delayMs > 0 && isOrdered(consumer)) {
    return messageRefused(`A message for ${consumer} is to wait, but a FIFO queue holds no single message back.`);
  }
  if (body === "") return messageRefused(`A message for ${consumer} has no body.`);
  if (names.length > attributesMax) {
    return messageRefused(`A message for ${consumer} has ${names.length} attributes; ${attributesMax} are allowed.`);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (!/^(?!aws\.|amazon\.)(?!.*\.\.)[\w-](?:[\w.-]{0,254}[\w-])?$/i.test(name)) {
      return messageRefused(
        `A message for ${consumer} has an attribute ${JSON.stringify(name)}; its name is 1 to 256 of [A-Za-z0-9_.-] without AWS. in front.`,
      );
    }
    if (value === "" || /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(value)) {
      return messageRefused(
        `A message for ${consumer} has an attribute "${name}" that is empty or holds a control character.`,
      );
    }
  }
  return undefined;
}
