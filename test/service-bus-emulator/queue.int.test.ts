import { expect, test } from "vitest";
import { bodies, codeOf, messageOf, nothing, one, receive, start } from "./fixtures.ts";

test("what is sent arrives as it was: body, ids, properties and times", async () => {
  const { client, clock } = await start({ queues: { orders: {} } });
  await client.createSender("orders").sendMessages({
    body: { total: 12.5, lines: ["a", "b"] },
    messageId: "m1",
    correlationId: "c1",
    subject: "placed",
    to: "shop",
    replyTo: "answers",
    contentType: "application/json",
    timeToLive: 60_000,
    applicationProperties: { text: "é", whole: 7, negative: -3, part: 1.5, yes: true, at: new Date(5) },
  });
  const message = await one(client.createReceiver("orders"));
  expect(message).toMatchObject({
    body: { total: 12.5, lines: ["a", "b"] },
    messageId: "m1",
    correlationId: "c1",
    subject: "placed",
    to: "shop",
    replyTo: "answers",
    contentType: "application/json",
    timeToLive: 60_000,
    applicationProperties: { text: "é", whole: 7, negative: -3, part: 1.5, yes: true, at: 5 },
    deliveryCount: 0,
    state: "active",
  });
  expect(message.sequenceNumber?.toNumber()).toBe(1);
  expect(message.enqueuedTimeUtc?.getTime()).toBe(clock.now());
  expect(message.lockedUntilUtc?.getTime()).toBe(clock.now() + 60_000);
  expect(message.expiresAtUtc?.getTime()).toBe(clock.now() + 60_000);
});

test("binary, values and sequences keep their kinds of body; a message without an id is given one", async () => {
  const { client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  await sender.sendMessages({ body: Buffer.from([0, 255, 1]) });
  await sender.sendMessages({ body: { a: 1 }, bodyType: "value" });
  await sender.sendMessages({ body: [[1], [2]], bodyType: "sequence" });
  const found = await receive(client.createReceiver("q"), 3);
  expect(bodies(found)).toEqual([Buffer.from([0, 255, 1]), { a: 1 }, [[1], [2]]]);
  expect(new Set(found.map(({ messageId }) => messageId)).size).toBe(3);
});

test("complete removes, abandon returns it to its place and counts, defer sets aside, dead-letter buries with a reason", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const receiver = client.createReceiver("q");
  await client.createSender("q").sendMessages(["a", "b", "c", "d"].map((body) => ({ body, messageId: body })));
  const [a, b, c, d] = await receive(receiver, 4);
  if (!a || !b || !c || !d) throw new Error("Four were sent.");
  await receiver.completeMessage(a);
  await receiver.abandonMessage(b, { tried: 1 });
  await receiver.deferMessage(c, { later: true });
  await receiver.deadLetterMessage(d, { deadLetterReason: "bad", deadLetterErrorDescription: "so bad", extra: 5 });
  expect(
    bus
      .messages("q")
      .map(({ messageId, state, deliveryCount, properties }) => ({ messageId, state, deliveryCount, properties })),
  ).toEqual([
    { messageId: "b", state: "active", deliveryCount: 1, properties: { tried: 1 } },
    { messageId: "c", state: "deferred", deliveryCount: 0, properties: { later: true } },
    {
      messageId: "d",
      state: "dead",
      deliveryCount: 0,
      properties: { DeadLetterReason: "bad", DeadLetterErrorDescription: "so bad", extra: 5 },
    },
  ]);
  const dead = await one(client.createReceiver("q", { subQueueType: "deadLetter" }));
  expect(dead).toMatchObject({ body: "d", deadLetterReason: "bad", deadLetterErrorDescription: "so bad" });
  expect(dead.deadLetterSource).toBe("q");
});

test("a message is settled once, and a settled one is not settled again under its old lock", async () => {
  const { client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages({ body: 1 });
  const receiver = client.createReceiver("q");
  const message = await one(receiver);
  await receiver.completeMessage(message);
  expect(await messageOf(receiver.completeMessage(message))).toMatch("already settled");
});

test("after as many deliveries as allowed a message is dead, with the reason", async () => {
  const { bus, client } = await start({ queues: { q: { maxDeliveryCount: 3 } } });
  await client.createSender("q").sendMessages({ body: 1 });
  const receiver = client.createReceiver("q");
  for (const count of [0, 1, 2]) {
    const message = await one(receiver);
    expect(message.deliveryCount).toBe(count);
    await receiver.abandonMessage(message);
  }
  expect(bus.messages("q")).toMatchObject([
    { state: "dead", deadLetterReason: "MaxDeliveryCountExceeded", deliveryCount: 3 },
  ]);
  const dead = client.createReceiver("q", { subQueueType: "deadLetter" });
  // It may be abandoned there as often as one likes.
  for (let i = 0; i < 4; i++) await dead.abandonMessage(await one(dead));
  await dead.completeMessage(await one(dead));
  expect(bus.messages("q")).toEqual([]);
});

test("a deferred message comes by its sequence number only, keeps its state when abandoned, and can be completed", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const receiver = client.createReceiver("q");
  await client.createSender("q").sendMessages({ body: "set aside" });
  const message = await one(receiver);
  await receiver.deferMessage(message);
  expect(await nothing(receiver)).toBe(true);
  const sequence = message.sequenceNumber;
  if (!sequence) throw new Error("It has a sequence number.");
  const [again] = await receiver.receiveDeferredMessages(sequence);
  expect(again).toMatchObject({ body: "set aside", state: "deferred" });
  expect(await codeOf(receiver.receiveDeferredMessages(sequence))).toBe("MessageNotFound");
  if (!again) throw new Error("It came.");
  await receiver.abandonMessage(again);
  expect(bus.messages("q")).toMatchObject([{ state: "deferred", deliveryCount: 1 }]);
  const [last] = await receiver.receiveDeferredMessages(sequence);
  if (!last) throw new Error("It came.");
  await receiver.completeMessage(last);
  expect(bus.messages("q")).toEqual([]);
  expect(await codeOf(receiver.receiveDeferredMessages(sequence))).toBe("MessageNotFound");
});

test("receiveAndDelete hands out once and keeps nothing", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages([{ body: 1 }, { body: 2 }]);
  const receiver = client.createReceiver("q", { receiveMode: "receiveAndDelete" });
  expect(bodies(await receive(receiver, 2))).toEqual([1, 2]);
  expect(bus.messages("q")).toEqual([]);
});

test("peek shows locked, deferred and scheduled messages, from where it is told, and changes nothing", async () => {
  const { client, clock } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const receiver = client.createReceiver("q");
  await sender.sendMessages([{ body: "locked" }, { body: "deferred" }]);
  await sender.scheduleMessages({ body: "scheduled" }, new Date(clock.now() + 1_000));
  const [, deferred] = await receive(receiver, 2);
  if (!deferred) throw new Error("Two were sent.");
  await receiver.deferMessage(deferred);
  const all = await receiver.peekMessages(10);
  expect(all.map(({ body, state }) => [body, state])).toEqual([
    ["locked", "active"],
    ["deferred", "deferred"],
    ["scheduled", "scheduled"],
  ]);
  // Where the last look ended there is nothing more.
  expect(await receiver.peekMessages(10)).toEqual([]);
  const other = client.createReceiver("q");
  expect(bodies(await other.peekMessages(10, { fromSequenceNumber: all[1]?.sequenceNumber as never }))).toEqual([
    "deferred",
    "scheduled",
  ]);
});

test("a message expires when its time is over: gone, or dead where that is wanted; the shorter time counts", async () => {
  const { bus, client, clock } = await start({
    queues: { gone: {}, dead: { deadLetterOnExpiration: true, defaultTimeToLiveMs: 1_000 } },
  });
  await client.createSender("gone").sendMessages([{ body: 1, timeToLive: 500 }, { body: 2 }]);
  await client.createSender("dead").sendMessages([
    { body: 1, timeToLive: 500 },
    { body: 2, timeToLive: 5_000 },
  ]);
  clock.advance(499);
  expect(bus.messages("gone")).toHaveLength(2);
  clock.advance(1);
  expect(bus.messages("gone")).toMatchObject([{ body: 2 }]);
  expect(bus.messages("dead")).toMatchObject([
    { body: 2, state: "active" },
    { body: 1, deadLetterReason: "TTLExpiredException" },
  ]);
  clock.advance(500);
  expect(bus.messages("dead").map(({ state }) => state)).toEqual(["dead", "dead"]);
});

test("a locked message expires when its lock ends, and not before", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs: 10_000 } } });
  await client.createSender("q").sendMessages([
    { body: 1, timeToLive: 1_000 },
    { body: 2, timeToLive: 1_000 },
  ]);
  const receiver = client.createReceiver("q");
  const [first, second] = await receive(receiver, 2);
  if (!first || !second) throw new Error("Two were sent.");
  clock.advance(2_000);
  expect(bus.messages("q")).toMatchObject([{ state: "locked" }, { state: "locked" }]);
  await receiver.completeMessage(first);
  await receiver.abandonMessage(second);
  expect(bus.messages("q")).toEqual([]);
});

test("a batch arrives whole and in order, and is one send", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const batch = await sender.createMessageBatch();
  for (let i = 0; i < 50; i++) expect(batch.tryAddMessage({ body: i, applicationProperties: { i } })).toBe(true);
  await sender.sendMessages(batch);
  expect(bodies(await receive(client.createReceiver("q"), 50))).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(bus.operations()).toEqual({ attach: 2, batch: 1, message: 50, receive: 50, send: 1 });
  bus.resetOperations();
  expect(bus.operations()).toEqual({});
});

test("a receiver asks for more than there is: it is given what there is, and the rest of its credit is given back", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const receiver = client.createReceiver("q");
  await sender.sendMessages({ body: 1 });
  expect(await receive(receiver, 10, 300)).toHaveLength(1);
  // Nobody asks now: what is sent stays.
  await sender.sendMessages({ body: 2 });
  expect(bus.messages("q")).toMatchObject([{ state: "locked" }, { state: "active" }]);
  expect(bodies(await receive(receiver, 1))).toEqual([2]);
});
