import { setImmediate as macrotask } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";
import { startServiceBus } from "@holdfast/service-bus-emulator";
import { expect, onTestFinished, test } from "vitest";
import { counter, newServices } from "../../../src/testing/conformance/delivery-app.ts";
import { useTables } from "../tables/fixtures.ts";
import { comesToRest, notesOf } from "./looks.ts";
import { createWorld } from "./world.ts";

const tables = useTables();
const numbers = Array.from({ length: 100 }, (_, i) => i);

test("of 100 sessions that are handled at once, where 3 of 10 handlers and 2 of 10 functions fail at first, each message has its effect once", async () => {
  const world = await createWorld(tables());
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const failed: string[] = [];
  const services = newServices(async (what) => {
    await opened;
    if (!/[0-2]#1\/1$/.test(what)) return;
    failed.push(what);
    throw new Error("at first");
  });
  const [node, waking] = [await world.start(services), await world.start()];
  node.consumers.delete("wakeups");
  waking.consumers.clear();
  waking.consumers.add("wakeups");
  let calls = 0;
  node.around = async (handle) => {
    const call = calls++ < numbers.length ? calls % 10 : 0;
    if (call === 3) throw new Error("before it has handled anything");
    await handle();
    if (call === 6) throw new Error("after it has handled it");
  };
  await Promise.all(numbers.map((n) => node.runtime.call(counter, `c${n}`).add({ n })));
  await world.pass(0);
  expect(node.held()).toBe(100);
  open();
  await comesToRest(world, node);
  expect([calls, new Set(failed).size, node.refusals]).toEqual([120, 30, []]);
  const notes = await Promise.all(numbers.map((n) => notesOf(node, `c${n}`)));
  expect(notes).toEqual(numbers.map((n) => [`1:${n}`]));
}, 120_000);

/** 3 of 10, each behind one that is completed: the client gives two neighbours the outcome of the first. */
const failing = numbers.filter((n) => n < 60 && n % 2 === 1);

/** Of 100 messages of a queue, those that are left when the failing ones were abandoned and the others completed. */
async function leftAfter(turn: () => Promise<unknown>): Promise<readonly unknown[]> {
  const broker = await startServiceBus({ queues: { q: {} } });
  const client = new ServiceBusClient(broker.connectionString);
  onTestFinished(async () => {
    await client.close();
    await broker.stop();
  });
  await client.createSender("q").sendMessages(numbers.map((body) => ({ body })));
  const receiver = client.createReceiver("q");
  const messages = await receiver.receiveMessages(numbers.length, { maxWaitTimeInMs: 5_000 });
  expect(messages).toHaveLength(numbers.length);
  const settlements: Promise<void>[] = [];
  for (const message of messages) {
    await turn();
    const fails = failing.includes(Number(message.body));
    settlements.push(fails ? receiver.abandonMessage(message) : receiver.completeMessage(message));
  }
  await Promise.all(settlements);
  await receiver.close();
  return broker.messages("q").map(({ body }) => body);
}

test("settled one in a turn of the event loop, each message has the outcome that it was given", async () => {
  expect(await leftAfter(() => macrotask())).toEqual(failing);
});

test("settled in one turn, failed messages are lost by the client: where this fails, it was mended, and turns are needed no more", async () => {
  const left = await leftAfter(async () => {});
  expect(left.length).toBeLessThan(failing.length);
});
