import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { Metadata } from "../../../src/azure/functions/message.ts";

/**
 * What a function is told of a message: the host's names, written as the worker writes all names, with a first letter in
 * lower case; times without a zone at their end.
 * Source: Azure/azure-sdk-for-net, ServiceBusTriggerBindingStrategy.AddBindingData; Azure/azure-functions-nodejs-library,
 * convertKeysToCamelCase
 */
export function metadataOf(message: ServiceBusReceivedMessage): Metadata {
  const { deliveryCount = 0, enqueuedTimeUtc, messageId, sessionId, to, applicationProperties = {} } = message;
  const metadata = {
    MessageId: messageId,
    SessionId: sessionId,
    // From 1: how often it was handed out, this time included.
    DeliveryCount: deliveryCount + 1,
    EnqueuedTimeUtc: enqueuedTimeUtc?.toISOString().slice(0, -1),
    To: to,
    ApplicationProperties: applicationProperties,
  };
  return lowered(metadata) as Metadata;
}

function lowered(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const named = Object.entries(value).map(([name, inner]) => [
    name.slice(0, 1).toLowerCase() + name.slice(1),
    lowered(inner),
  ]);
  return Object.fromEntries(named);
}
