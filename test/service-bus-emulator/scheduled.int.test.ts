import { expect, test } from "vitest";
import { bodies, codeOf, one, receive, start } from "./fixtures.ts";

const windowMs = 60_000;

test("a scheduled message comes at its time, behind what was there, under a new number", async () => {
  const { bus, client, clock } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const [number] = await sender.scheduleMessages({ body: "later" }, new Date(clock.now() + 1_000));
  await sender.sendMessages({ body: "now" });
  clock.advance(999);
  expect(bus.messages("q")).toMatchObject([
    { state: "scheduled", scheduledAtMs: clock.now() + 1 },
    { state: "active" },
  ]);
  clock.advance(1);
  const [now, later] = await receive(client.createReceiver("q"), 2);
  expect(bodies([now ?? {}, later ?? {}])).toEqual(["now", "later"]);
  expect(later?.enqueuedTimeUtc?.getTime()).toBe(clock.now());
  expect(number?.toNumber()).toBe(1);
  expect(later?.sequenceNumber?.toNumber()).toBe(3);
  expect(later?.enqueuedSequenceNumber).toBe(1);
});

test("a message may carry its own time, and a time that is over is now", async () => {
  const { bus, client, clock } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  await sender.sendMessages([
    { body: "past", scheduledEnqueueTimeUtc: new Date(clock.now() - 1) },
    { body: "future", scheduledEnqueueTimeUtc: new Date(clock.now() + 1) },
  ]);
  expect(bus.messages("q").map(({ body, state }) => [body, state])).toEqual([
    ["past", "active"],
    ["future", "scheduled"],
  ]);
  clock.advance(1);
  expect(await receive(client.createReceiver("q"), 2)).toHaveLength(2);
});

test("scheduled messages come in the order of their times", async () => {
  const { client, clock } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  for (const at of [300, 100, 200]) await sender.scheduleMessages({ body: at }, new Date(clock.now() + at));
  clock.advance(1_000);
  expect(bodies(await receive(client.createReceiver("q"), 3))).toEqual([100, 200, 300]);
});

test("a cancelled message does not come; cancelling it again, or one that has come, is refused", async () => {
  const { bus, client, clock } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const at = new Date(clock.now() + 1_000);
  const [first, second] = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], at);
  if (!first || !second) throw new Error("Two were scheduled.");
  await sender.cancelScheduledMessages(first);
  expect(await codeOf(sender.cancelScheduledMessages(first))).toBe("MessageNotFound");
  // All or nothing.
  expect(await codeOf(sender.cancelScheduledMessages([second, first]))).toBe("MessageNotFound");
  clock.advance(1_000);
  expect(bus.messages("q")).toMatchObject([{ body: 2, state: "active" }]);
  expect(await codeOf(sender.cancelScheduledMessages(second))).toBe("MessageNotFound");
});

test("an id that comes again within the window is taken and dropped, in a batch too; behind it it is new", async () => {
  const { bus, client, clock } = await start({ queues: { q: { duplicateDetectionWindowMs: windowMs } } });
  const sender = client.createSender("q");
  await sender.sendMessages({ body: 1, messageId: "a" });
  await sender.sendMessages([
    { body: 2, messageId: "a" },
    { body: 3, messageId: "b" },
    { body: 4, messageId: "b" },
  ]);
  const receiver = client.createReceiver("q");
  await receiver.completeMessage(await one(receiver));
  clock.advance(windowMs - 1);
  // Though the first one is gone.
  await sender.sendMessages({ body: 5, messageId: "a" });
  expect(bus.messages("q")).toMatchObject([{ body: 3 }]);
  clock.advance(1);
  await sender.sendMessages({ body: 6, messageId: "a" });
  expect(bus.messages("q")).toMatchObject([{ body: 3 }, { body: 6 }]);
});

test("scheduled messages take part in that: from the time they are scheduled, and though they are cancelled", async () => {
  const { bus, client, clock } = await start({ queues: { q: { duplicateDetectionWindowMs: windowMs } } });
  const sender = client.createSender("q");
  const at = (ms: number): Date => new Date(clock.now() + ms);
  const [number] = await sender.scheduleMessages({ body: 1, messageId: "a" }, at(1_000));
  await sender.scheduleMessages({ body: 2, messageId: "a" }, at(2_000));
  await sender.sendMessages({ body: 3, messageId: "a" });
  expect(bus.messages("q")).toMatchObject([{ body: 1, state: "scheduled" }]);
  if (!number) throw new Error("It was scheduled.");
  await sender.cancelScheduledMessages(number);
  await sender.scheduleMessages({ body: 4, messageId: "a" }, at(1_000));
  expect(bus.messages("q")).toEqual([]);
  clock.advance(windowMs);
  await sender.scheduleMessages({ body: 5, messageId: "a" }, at(1_000));
  expect(bus.messages("q")).toMatchObject([{ body: 5 }]);
});

test("entities have windows of their own, and without one an id may come as often as it likes", async () => {
  const { bus, client } = await start({
    queues: { short: { duplicateDetectionWindowMs: 20_000 }, none: {} },
    topics: { t: { duplicateDetectionWindowMs: windowMs, subscriptions: { s: {} } } },
  });
  for (const entity of ["short", "none", "t"]) {
    const sender = client.createSender(entity);
    await sender.sendMessages({ body: 1, messageId: "a" });
    await sender.sendMessages({ body: 2, messageId: "a" });
  }
  expect(["short", "none", "t/Subscriptions/s"].map((entity) => bus.messages(entity).length)).toEqual([1, 2, 1]);
});

test("a message scheduled on a topic is matched when it is due, and can be cancelled until then", async () => {
  const { bus, client, clock } = await start({ topics: { t: { subscriptions: { s: {} } } } });
  const sender = client.createSender("t");
  const [, second] = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], new Date(clock.now() + 1_000));
  if (!second) throw new Error("Two were scheduled.");
  await sender.cancelScheduledMessages(second);
  expect(bus.messages("t")).toMatchObject([{ body: 1, state: "scheduled" }]);
  bus.addSubscription("t", "late");
  bus.setRules("t", "s", {});
  clock.advance(1_000);
  expect(bus.messages("t/Subscriptions/s")).toEqual([]);
  expect(bodies(await receive(client.createReceiver("t", "late")))).toEqual([1]);
});
