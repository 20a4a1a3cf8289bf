import { ServiceBusClient, type ServiceBusReceivedMessage, type ServiceBusReceiver } from "@azure/service-bus";
import { createManualClock, startServiceBus, type QueueOptions, type ServiceBus } from "@holdfast/service-bus-emulator";
import type { OpenBus } from "holdfast/testing";
import { createServiceBusBus, queueName, subscriptionRules, topicName } from "holdfast/azure/service-bus";
import type { App } from "../../../src/core/app.ts";
import { consumersOf, isOrdered } from "../../../src/core/broker/groups.ts";
import type { Message } from "../../../src/core/broker/receive.ts";
import { createSystem } from "../../../src/core/runtime/system.ts";

const ten = 600_000;

export interface Deployed extends OpenBus {
  readonly broker: ServiceBus;
  readonly client: ServiceBusClient;
  close(): Promise<void>;
}

/** The queues and subscriptions of an app on a broker of its own, which goes by a clock that stands still. */
export async function deploy(app: App, prefix = ""): Promise<Deployed> {
  const clock = createManualClock();
  const rulesOf = subscriptionRules(app);
  const subscriptions = Object.fromEntries(
    [...rulesOf].map(([name, { rules }]) => [
      name,
      {
        requiresSession: true,
        rules: Object.fromEntries(rules.map((sql, i) => [`rule-${i + 1}`, { sql }])),
      },
    ]),
  );
  const queues = [...consumersOf(app), "wakeups"].flatMap((consumer): readonly [string, QueueOptions][] => {
    if (consumer.startsWith("subscription:")) return [];
    const options = isOrdered(consumer) ? { requiresSession: true, duplicateDetectionWindowMs: ten } : {};
    return [[`${prefix}${queueName(consumer)}`, options]];
  });
  const broker = await startServiceBus({
    clock,
    queues: Object.fromEntries(queues),
    topics: { [`${prefix}${topicName}`]: { duplicateDetectionWindowMs: ten, subscriptions } },
  });
  const client = new ServiceBusClient(broker.connectionString);
  const bus = createServiceBusBus({ client, prefix, app, system: { ...createSystem(), now: clock.now } });

  async function drain(consumer: string): Promise<readonly Message[]> {
    const [, subscription] = /^subscription:(.*)$/.exec(consumer) ?? [];
    const queue = `${prefix}${queueName(consumer)}`;
    const topic = `${prefix}${topicName}`;
    const found = broker.messages(subscription === undefined ? queue : `${topic}/Subscriptions/${subscription}`);
    const active = found.filter(({ state }) => state === "active");
    const how = { skipParsingBodyAsJson: true };
    if (!isOrdered(consumer)) {
      return (await taken(client.createReceiver(queue, how), active.length)).map(messageOf);
    }
    const sessions = Map.groupBy(active, ({ sessionId }) => sessionId);
    const all: ServiceBusReceivedMessage[] = [];
    for (const [session = "", some] of sessions) {
      const receiver =
        subscription === undefined
          ? await client.acceptSession(queue, session, how)
          : await client.acceptSession(topic, subscription, session, how);
      all.push(...(await taken(receiver, some.length)));
    }
    return all.toSorted((a, b) => Number(a.sequenceNumber?.sub(b.sequenceNumber ?? 0))).map(messageOf);
  }

  return {
    broker,
    client,
    bus,
    now: clock.now,
    // What falls due is there when the clients have been told.
    advance: async (ms) => clock.advance(ms),
    drain,
    async close() {
      await client.close();
      await broker.stop();
    },
  };
}

/** Receives that many, and is done with them. */
async function taken(receiver: ServiceBusReceiver, count: number): Promise<readonly ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  while (messages.length < count) {
    for (const message of await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 5_000 })) {
      await receiver.completeMessage(message);
      messages.push(message);
    }
  }
  await receiver.close();
  return messages;
}

function messageOf({
  messageId,
  sessionId,
  body,
  deliveryCount = 0,
  applicationProperties,
  enqueuedTimeUtc,
}: ServiceBusReceivedMessage): Message {
  return {
    id: String(messageId),
    group: sessionId,
    receives: deliveryCount + 1,
    // Not parsed: as it was asked for.
    body: String(body as Buffer),
    attributes: Object.fromEntries(
      Object.entries(applicationProperties ?? {}).map(([name, value]) => [name, String(value)]),
    ),
    sent: enqueuedTimeUtc?.getTime() ?? 0,
  };
}
