import { expect, test } from "vitest";
import { createManualClock, startServiceBus } from "../../packages/service-bus-emulator/index.ts";
import { codeOf, messageOf, receive, start } from "./fixtures.ts";

test("what does not exist is not found: to send to, to receive from, to manage, dead letters of topics", async () => {
  const { bus, client } = await start({ queues: { q: {} }, topics: { t: {} } });
  expect(await codeOf(client.createSender("nobody").sendMessages({ body: 1 }))).toBe("MessagingEntityNotFound");
  expect(await codeOf(receive(client.createReceiver("nobody")))).toBe("MessagingEntityNotFound");
  expect(await codeOf(receive(client.createReceiver("t", "nobody")))).toBe("MessagingEntityNotFound");
  expect(await codeOf(receive(client.createReceiver("q", "s")))).toBe("MessagingEntityNotFound");
  expect(await codeOf(client.createReceiver("nobody").peekMessages(1))).toBe("MessagingEntityNotFound");
  expect(await codeOf(receive(client.createReceiver("t", { subQueueType: "deadLetter" })))).toBe(
    "MessagingEntityNotFound",
  );
  expect(() => bus.messages("nobody")).toThrow("could not be found");
});

test("a topic gives no messages, and a subscription takes none", async () => {
  const { client } = await start({ topics: { t: { subscriptions: { s: {} } } } });
  expect(await messageOf(receive(client.createReceiver("t")))).toMatch("receive from a subscription");
  expect(await messageOf(client.createSender("t/Subscriptions/s").sendMessages({ body: 1 }))).toMatch(
    "cannot be sent to",
  );
});

test("a message is at most 256 KiB with all that belongs to it, and batches are made no larger", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  expect(await codeOf(sender.sendMessages({ body: Buffer.alloc(256 * 1_024) }))).toBe("MessageSizeExceeded");
  expect(bus.messages("q")).toEqual([]);
  // The link is still good.
  await sender.sendMessages({ body: Buffer.alloc(255 * 1_024) });
  const batch = await sender.createMessageBatch();
  expect(batch.maxSizeInBytes).toBe(256 * 1_024);
  expect(batch.tryAddMessage({ body: Buffer.alloc(200 * 1_024) })).toBe(true);
  expect(batch.tryAddMessage({ body: Buffer.alloc(100 * 1_024) })).toBe(false);
  await sender.sendMessages(batch);
  expect(bus.messages("q")).toHaveLength(2);
});

test("ids have at most 128 characters, also where the client does not look", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const raw = (properties: object) => ({ body: 1, bodyType: "value" as const, properties });
  const sender = client.createSender("q");
  await sender.sendMessages(raw({ messageId: "m".repeat(128), groupId: "s".repeat(128) }));
  expect(await messageOf(sender.sendMessages(raw({ messageId: "m".repeat(129) })))).toMatch("at most 128");
  expect(await messageOf(sender.sendMessages(raw({ groupId: "s".repeat(129) })))).toMatch("at most 128");
  expect(bus.messages("q")).toHaveLength(1);
});

test.each([
  [{ queue: {} }, "config.queue is not known"],
  [{ queues: { q: { lockDuration: 5 } } }, "config.queues.q.lockDuration is not known"],
  [{ queues: { q: { lockDurationMs: 300_001 } } }, "whole number from 1 to 300000"],
  [{ queues: { q: { maxDeliveryCount: 0 } } }, "whole number from 1 to 2000"],
  [{ queues: { q: { duplicateDetectionWindowMs: 19_999 } } }, "whole number from 20000"],
  [{ queues: { q: { requiresSession: 1 } } }, "true or false"],
  [{ queues: { $q: {} } }, "without $"],
  [{ queues: [] }, "an object"],
  [{ topics: { t: { subscriptions: { [`s${"s".repeat(50)}`]: {} } } } }, "1 to 50 characters"],
  [{ topics: { t: { subscriptions: { s: { rules: { r: { sql: "a =" } } } } } } }, "ends too early"],
  [{ topics: { t: { subscriptions: { s: { rules: { r: { correlation: {} } } } } } } }, "at least one property"],
  [
    { topics: { t: { subscriptions: { s: { rules: { r: { sql: "1=1", action: "SET a = 1" } } } } } } },
    "action is not known",
  ],
  [{ port: 65_536 }, "config.port is 65536"],
])("the configuration %j is refused: %s", async (config, text) => {
  const started = startServiceBus({ ...(config as object), clock: createManualClock() });
  await expect(started).rejects.toThrow(text);
});

test("a stopped broker may be stopped again, and its port is free", async () => {
  const bus = await startServiceBus({});
  await bus.stop();
  await bus.stop();
  const again = await startServiceBus({ port: bus.port });
  expect(again.port).toBe(bus.port);
  await again.stop();
});
