import { ServiceBusClient, type ServiceBusReceiver } from "@azure/service-bus";
import { createManualClock, startServiceBus } from "@holdfast/service-bus-emulator";
import { queueName, topicName } from "holdfast/azure/service-bus";
import type { Bench } from "../harness.ts";
import { deployments } from "./apps.ts";
import { inputOf } from "./consume.ts";
import { entities, openAzure } from "./emulators.ts";
import { openInstance, system } from "./instance.ts";
import { createHandOut, type Instance } from "./internals.ts";
import { meter, type Meter } from "./meter.ts";

const { app, prefix } = deployments.delivery;
const subscription = "seen";

/** A deployment whose time stands still until it is told to go on, and all of whose traffic is counted. */
export interface Counted {
  readonly meter: Meter;
  /** An instance that has seen nothing yet. */
  instance(): Instance;
  now(): number;
  advance(ms: number): void;
  /** How many wake-ups wait for their time. */
  wakeUps(): number;
  /** Has the function of wake-ups, or that of the subscription, handle all that waits for it. How many those were. */
  handle(instance: Instance, what: "wakeups" | "events"): Promise<number>;
  close(): Promise<void>;
}

const how = { receiveMode: "peekLock", skipParsingBodyAsJson: true } as const;

/** Opens it on a table of that name. The broker is in this process: nothing here is a matter of speed. */
export async function openCounted(bench: Bench, table: string): Promise<Counted> {
  const azure = await bench.shared(openAzure);
  await azure.table(table);
  const clock = createManualClock();
  const broker = await startServiceBus({ ...entities(), clock });
  const client = new ServiceBusClient(broker.connectionString);
  const tables = azure.tableClient(table);
  const still = { ...system, now: clock.now };
  const topic = `${prefix}${topicName}`;
  const wakeUpsQueue = `${prefix}${queueName("wakeups")}`;

  async function drain(
    receiver: ServiceBusReceiver,
    count: number,
    consumer: string,
    instance: Instance,
  ): Promise<void> {
    const queue = instance.queues.get(consumer);
    if (queue === undefined) throw new Error(`Nothing handles the messages of ${consumer}.`);
    const handOut = createHandOut(consumer, queue, instance, still);
    for (let left = count; left > 0; left--) {
      const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 10_000 });
      if (message === undefined) throw new Error(`${left} messages for ${consumer} did not come.`);
      await handOut(...inputOf(message));
      await receiver.completeMessage(message);
    }
    await receiver.close();
  }

  return {
    meter: meter(tables, broker),
    instance: () => openInstance({ app, prefix, table: tables, serviceBus: client, system: still }),
    now: clock.now,
    advance: (ms) => clock.advance(ms),
    wakeUps: () => broker.messages(wakeUpsQueue).filter(({ state }) => state === "scheduled").length,
    async handle(instance, what) {
      const entity = what === "wakeups" ? wakeUpsQueue : `${topic}/Subscriptions/${subscription}`;
      const waiting = broker.messages(entity).filter(({ state }) => state === "active");
      if (what === "wakeups") {
        await drain(client.createReceiver(wakeUpsQueue, how), waiting.length, "wakeups", instance);
        return waiting.length;
      }
      for (const [session = "", some] of Map.groupBy(waiting, ({ sessionId }) => sessionId)) {
        const receiver = await client.acceptSession(topic, subscription, session, how);
        await drain(receiver, some.length, `subscription:${subscription}`, instance);
      }
      return waiting.length;
    },
    async close() {
      await client.close();
      await broker.stop();
    },
  };
}
