import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { Input, TypedData } from "./rpc.ts";
import type { ServiceBusTrigger } from "./triggers.ts";

/**
 * A message as the worker gets it. Times with `Utc` in their name have no zone at their end, like the host's.
 * Source: Azure/azure-sdk-for-net, ServiceBusTriggerBindingStrategy.AddBindingData; Azure/azure-functions-host, ToRpc
 */
export function inputOf(message: ServiceBusReceivedMessage, { binding, isBinary }: ServiceBusTrigger): Input {
  const bytes = bytesOf(message.body);
  const data: TypedData = isBinary ? { bytes } : { string: new TextDecoder().decode(bytes) };
  const { deliveryCount = 0, enqueuedTimeUtc = new Date(0), sequenceNumber, applicationProperties = {} } = message;
  const { expiresAtUtc: expires = longestDate } = message;
  const metadata: { readonly [name: string]: unknown } = {
    // From 1: how often it was delivered, this time included.
    DeliveryCount: deliveryCount + 1,
    DeadLetterSource: message.deadLetterSource,
    LockToken: message.lockToken,
    ExpiresAtUtc: zoneless(expires),
    ExpiresAt: `${zoneless(expires)}+00:00`,
    EnqueuedTimeUtc: zoneless(enqueuedTimeUtc),
    EnqueuedTime: `${zoneless(enqueuedTimeUtc)}+00:00`,
    MessageId: message.messageId === undefined ? undefined : String(message.messageId),
    ContentType: message.contentType,
    ReplyTo: message.replyTo,
    SequenceNumber: Number(sequenceNumber),
    To: message.to,
    Subject: message.subject,
    Label: message.subject,
    CorrelationId: message.correlationId === undefined ? undefined : String(message.correlationId),
    ApplicationProperties: applicationProperties,
    SessionId: message.sessionId,
    ReplyToSessionId: message.replyToSessionId,
    PartitionKey: message.partitionKey,
  };
  return {
    inputData: [{ name: binding, data }],
    triggerMetadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, typed(value)])),
  };
}

/** .NET's DateTimeOffset.MaxValue: it does not expire. */
const longestDate = new Date("9999-12-31T23:59:59.999Z");

function zoneless(time: Date): string {
  return (time < longestDate ? time : longestDate).toISOString().slice(0, -1);
}

function typed(value: unknown): TypedData {
  if (value === undefined || value === null) return {};
  return typeof value === "string" ? { string: value } : { json: JSON.stringify(value) };
}

/** The client has left it as it came: bytes, or a text where the sender has sent an AMQP value. */
function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body ?? ""));
}
