import { randomUUID } from "node:crypto";
import type { ServiceBusClient, ServiceBusMessage } from "@azure/service-bus";
import { bareTopic } from "./apps.ts";

/** Bytes of a bare message: about those of an event's envelope. */
const bodyBytes = 500;

/** A message of the raw SDK as large as an event. */
export function bareMessage(session: string): ServiceBusMessage {
  return {
    body: Buffer.alloc(bodyBytes, "x"),
    messageId: randomUUID(),
    sessionId: session,
    applicationProperties: { type: "cart.itemAdded" },
  };
}

/** Messages that are sent in batches, for which nobody waits. */
export interface Sends {
  send(session: string): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** By hand: what comes up while a batch is under way makes the next one. Nobody receives them. */
export function createSends(client: ServiceBusClient): Sends {
  const sender = client.createSender(bareTopic);
  let waiting: ServiceBusMessage[] = [];
  let underWay: Promise<void> | undefined;

  async function pump(): Promise<void> {
    while (waiting.length > 0) {
      const batch = await sender.createMessageBatch();
      const count = waiting.findIndex((message) => !batch.tryAddMessage(message));
      waiting = count < 0 ? [] : waiting.slice(count);
      await sender.sendMessages(batch);
    }
    underWay = undefined;
  }

  return {
    send(session) {
      waiting.push(bareMessage(session));
      underWay ??= pump();
    },
    idle: async () => underWay,
  };
}
