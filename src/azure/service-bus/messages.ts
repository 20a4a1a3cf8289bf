import type { ServiceBusMessage } from "@azure/service-bus";
import type { Parcel, Publication } from "../../core/broker/bus.ts";
import type { Carriage } from "../../core/broker/carriage.ts";
import { groupOf, isOrdered } from "../../core/broker/groups.ts";
import { dateOf } from "../../core/runtime/system.ts";
import { subscriptionOf } from "./names.ts";
import { propertiesOf } from "./properties.ts";

/** An event as the topic gets it: its stream's session, and its own id, by which the topic knows what it has already. */
export function eventMessage(event: Publication, carriage: Carriage): ServiceBusMessage {
  return {
    body: Buffer.from(event.body),
    contentType: "application/cloudevents+json",
    messageId: event.id,
    sessionId: groupOf(event),
    applicationProperties: { ...propertiesOf(event, carriage) },
  };
}

/** A message as a queue gets it, or the topic for one of its subscriptions alone. */
export function parcelMessage(consumer: string, parcel: Parcel): ServiceBusMessage {
  const { id, body, attributes, notBefore } = parcel;
  const to = subscriptionOf(consumer);
  return {
    // As bytes: text would be written as JSON once more.
    body: Buffer.from(body),
    contentType: "application/json",
    messageId: id,
    ...(to !== undefined && { to }),
    ...(isOrdered(consumer) && { sessionId: groupOf(parcel) }),
    ...(attributes && { applicationProperties: { ...attributes } }),
    ...(notBefore !== undefined && { scheduledEnqueueTimeUtc: dateOf(notBefore) }),
  };
}
