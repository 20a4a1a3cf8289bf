import { conditions, refusal } from "../conditions.ts";
import type { Content, Message } from "../store/message.ts";
import { type AmqpMessage, dataSections, decode, encode, types } from "./rhea.ts";

/** Ids have at most this many characters. Source: Service Bus quotas. */
export const idCharactersMax = 128;

const states = { active: 0, deferred: 1, scheduled: 2 } as const;
const scheduledTime = "x-opt-scheduled-enqueue-time";

function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : undefined;
}

function checkId(name: string, id: string | undefined): void {
  if (id === undefined || id.length <= idCharactersMax) return;
  throw refusal(
    conditions.argument,
    `The ${name} has ${id.length} characters; at most ${idCharactersMax} are allowed: ${id.slice(0, 20)}...`,
  );
}

/** @throws a refusal when an id is too long. */
export function contentOf(message: AmqpMessage, sizeBytes: number, newId: () => string): Content {
  const { ttl, application_properties: properties = {}, message_annotations: annotations = {} } = message;
  const messageId = text(message.message_id) ?? newId();
  const scheduledAt = annotations[scheduledTime];
  const optional = Object.entries({
    sessionId: text(message.group_id),
    correlationId: text(message.correlation_id),
    to: text(message.to),
    replyTo: text(message.reply_to),
    subject: text(message.subject),
    replyToSessionId: text(message.reply_to_group_id),
    contentType: text(message.content_type),
    timeToLiveMs: typeof ttl === "number" ? ttl : undefined,
    scheduledAtMs: scheduledAt instanceof Date ? scheduledAt.getTime() : undefined,
  }).filter(([, value]) => value !== undefined);
  checkId("message id", messageId);
  checkId("session id", text(message.group_id));
  const carrier: AmqpMessage = message.message_id === undefined ? { ...message, message_id: messageId } : message;
  return { ...Object.fromEntries(optional), messageId, properties, sizeBytes, carrier };
}

/** The messages in a batch, which is a message whose data sections are messages. */
export function contentsOfBatch(data: Buffer, newId: () => string): readonly Content[] {
  const parts = dataSections(decode(data).body) ?? [];
  return parts.map((part) => contentOf(decode(part), part.length, newId));
}

/** A message with what the broker says about it. */
export function encodeMessage(message: Message): Buffer {
  const { content, lock, expiresAtMs: _, ...rest } = message;
  // Made above; the store hands it back as it was.
  const carrier = content.carrier as AmqpMessage;
  return encode({
    ...carrier,
    delivery_count: rest.deliveryCount,
    application_properties: content.properties,
    message_annotations: {
      ...carrier.message_annotations,
      "x-opt-sequence-number": types.wrap_long(rest.sequence),
      "x-opt-enqueue-sequence-number": types.wrap_long(rest.enqueuedSequence),
      "x-opt-enqueued-time": new Date(rest.enqueuedAtMs),
      "x-opt-message-state": types.wrap_int(states[rest.state]),
      ...(lock && { "x-opt-locked-until": new Date(lock.untilMs) }),
      ...(rest.deadLetterSource !== undefined && { "x-opt-deadletter-source": rest.deadLetterSource }),
    },
  });
}

/** A body as the JavaScript client hands it out: parsed where it is JSON. */
export function bodyOf({ carrier }: Content): unknown {
  const { body } = carrier as AmqpMessage;
  const parts = dataSections(body);
  if (!parts) return body;
  const bytes = Buffer.concat(parts);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return bytes;
  }
}
