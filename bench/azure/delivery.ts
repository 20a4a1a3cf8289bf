import type { ServiceBusClient } from "@azure/service-bus";
import { topicName } from "holdfast/azure/service-bus";
import { cartOf, cartsCount, commandsTo, warmUpWidth } from "../cloud/carts.ts";
import { atOnce, comparison, perSecond, timed, type Bench, type Benchmark } from "../harness.ts";
import { bareTopic, deployments, onHandled } from "./apps.ts";
import { consume, inputOf } from "./consume.ts";
import { openAzure, type Azure } from "./emulators.ts";
import { openInstance, system, type InstanceBus } from "./instance.ts";
import { createHandOut } from "./internals.ts";
import { bareMessage } from "./sends.ts";

/** One side: brings so many messages to handlers, and answers how many a second. */
interface Side {
  measure(count: number): Promise<number>;
  stop(): Promise<void>;
}

/** Counts what is handled. */
function createCounter() {
  let left = 0;
  let reached = (): void => {};
  let failed = (_error: unknown): void => {};
  return {
    failed: (error: unknown): void => failed(error),
    one(): void {
      if (--left === 0) reached();
    },
    until(count: number): Promise<void> {
      left = count;
      return new Promise((resolve, reject) => {
        reached = resolve;
        failed = reject;
      });
    },
  };
}

/** The raw SDK: batches of as many messages as there are carts, received by the same trigger. */
function bare(client: ServiceBusClient): Side {
  const { one, until, failed } = createCounter();
  const listener = consume(client, { topic: bareTopic, subscription: "all" }, async () => one(), failed);
  const sender = client.createSender(bareTopic);
  return {
    async measure(count) {
      const all = until(count);
      const ms = await timed(async () => {
        for (let from = 0; from < count; from += cartsCount) {
          const batch = await sender.createMessageBatch();
          for (let i = from; i < Math.min(count, from + cartsCount); i++) batch.tryAddMessage(bareMessage(cartOf(i)));
          await sender.sendMessages(batch);
        }
        await all;
      });
      return perSecond({ count, ms });
    },
    stop: () => listener.stop(),
  };
}

/** Has what is to be published wait until it is let go. */
function createGate(): { around(bus: InstanceBus): InstanceBus; close(): void; open(): void } {
  let opened: Promise<void> | undefined;
  let open = (): void => {};
  return {
    around: (bus) => ({
      ...bus,
      async publish(events) {
        await opened;
        return bus.publish(events);
      },
    }),
    close() {
      ({ promise: opened, resolve: open } = Promise.withResolvers<void>());
    },
    open: () => open(),
  };
}

/** Holdfast: what commands have left to be published, to handlers that have run. */
async function whole(azure: Azure): Promise<Side> {
  const { app, prefix } = deployments.delivery;
  const { one, until, failed } = createCounter();
  onHandled(one);
  const gate = createGate();
  const serviceBus = azure.serviceBusClient();
  const table = azure.tableClient("delivery");
  const instance = openInstance({ app, prefix, table, serviceBus, system }, gate.around);
  const consumer = "subscription:seen";
  const queue = instance.queues.get(consumer);
  if (queue === undefined) throw new Error(`Nothing handles the messages of ${consumer}.`);
  const handOut = createHandOut(consumer, queue, instance, system);
  const source = { topic: `${prefix}${topicName}`, subscription: "seen" };
  const listener = consume(serviceBus, source, (message) => handOut(...inputOf(message)), failed);
  const command = commandsTo(instance.runtime);
  return {
    async measure(count) {
      gate.close();
      const all = until(count);
      await atOnce(warmUpWidth, count, command);
      const ms = await timed(async () => {
        gate.open();
        await all;
      });
      await instance.publisher.idle();
      return perSecond({ count, ms });
    },
    async stop() {
      await listener.stop();
      await instance.runtime.close();
    },
  };
}

/** Events from the publisher to handlers, through sessions, against messages of the raw SDK. */
export const delivery: Benchmark = {
  name: "delivery",
  async run(bench: Bench) {
    const azure = await bench.shared(openAzure);
    await azure.table("delivery");
    const count = cartsCount * (bench.quick ? 3 : 10);
    const [byHand, holdfast] = [bare(azure.serviceBusClient()), await whole(azure)];
    const figures: { a: number; b: number }[] = [];
    // The first round opens connections and loads the carts.
    for (let round = 0; round <= bench.rounds; round++) {
      bench.progress(`${count} events of ${cartsCount} carts to a subscription: round ${round} of ${bench.rounds}`);
      const a = await byHand.measure(count);
      const b = await holdfast.measure(count);
      if (round > 0) figures.push({ a, b });
    }
    await Promise.all([byHand.stop(), holdfast.stop()]);
    const { value, baseline, ratio } = comparison(figures);
    const name = `events of ${cartsCount} carts to a subscription`;
    return [
      { name, value, unit: "events/s", ratio, against: "bare messages, the same trigger", bound: null },
      { name: "the same by hand", value: baseline, unit: "messages/s", ratio: null, against: null, bound: null },
    ];
  },
};
