import { expect, test } from "vitest";
import { codeOf, connect, nothing, one, receive, start } from "./fixtures.ts";

const lockDurationMs = 30_000;

test("a lock that runs out gives the message to the next one; the former owner's settlement changes nothing", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs } } });
  await client.createSender("q").sendMessages({ body: 1 });
  const [former, next] = [client.createReceiver("q"), client.createReceiver("q")];
  const message = await one(former);
  clock.advance(lockDurationMs - 1);
  expect(bus.messages("q")).toMatchObject([{ state: "locked" }]);
  clock.advance(1);
  const again = await one(next);
  expect(again).toMatchObject({ body: 1, deliveryCount: 1 });
  expect(await codeOf(former.completeMessage(message))).toBe("MessageLockLost");
  expect(bus.messages("q")).toMatchObject([{ state: "locked" }]);
  await next.completeMessage(again);
  expect(bus.messages("q")).toEqual([]);
});

test("a renewed lock holds for its whole time again; a lost one cannot be renewed", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs } } });
  await client.createSender("q").sendMessages({ body: 1 });
  const receiver = client.createReceiver("q", { maxAutoLockRenewalDurationInMs: 0 });
  const message = await one(receiver);
  clock.advance(20_000);
  const until = await receiver.renewMessageLock(message);
  expect(until.getTime()).toBe(clock.now() + lockDurationMs);
  clock.advance(20_000);
  expect(bus.messages("q")).toMatchObject([{ state: "locked", deliveryCount: 0 }]);
  clock.advance(10_000);
  expect(bus.messages("q")).toMatchObject([{ state: "active", deliveryCount: 1 }]);
  expect(await codeOf(receiver.renewMessageLock(message))).toBe("MessageLockLost");
  expect(bus.operations()["renew-lock"]).toBe(2);
});

test("locks that run out count as deliveries: in the end the message is dead", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs, maxDeliveryCount: 2 } } });
  await client.createSender("q").sendMessages({ body: 1 });
  const receiver = client.createReceiver("q");
  for (let i = 0; i < 2; i++) {
    await one(receiver);
    clock.advance(lockDurationMs);
  }
  expect(bus.messages("q")).toMatchObject([{ state: "dead", deadLetterReason: "MaxDeliveryCountExceeded" }]);
});

test("a connection that is cut leaves its messages locked: they come again when the locks have run out", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs } } });
  await client.createSender("q").sendMessages(["a", "b", "c"].map((body) => ({ body })));
  const receiver = client.createReceiver("q");
  const [first] = await receive(receiver, 3);
  if (!first) throw new Error("Three were sent.");
  await receiver.completeMessage(first);
  bus.cutConnections();
  const other = connect(bus).createReceiver("q");
  expect(await nothing(other)).toBe(true);
  clock.advance(lockDurationMs);
  expect((await receive(other, 2)).map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
    ["b", 1],
    ["c", 1],
  ]);
});

test("a message can be settled while its lock holds, though the link on which it came is closed", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages(["a", "b", "c", "d"].map((body) => ({ body })));
  const receiver = client.createReceiver("q");
  const [a, b, c, d] = await receive(receiver, 4);
  if (!a || !b || !c || !d) throw new Error("Four were sent.");
  await receiver.close();
  // Any other receiver of the connection does.
  const other = client.createReceiver("q");
  await other.completeMessage(a);
  await other.abandonMessage(b, { x: 1 });
  await other.deferMessage(c);
  await other.deadLetterMessage(d, { deadLetterReason: "no", deadLetterErrorDescription: "use" });
  expect(bus.messages("q")).toMatchObject([
    { body: "b", state: "active", deliveryCount: 1, properties: { x: 1 } },
    { body: "c", state: "deferred" },
    { body: "d", state: "dead", deadLetterReason: "no" },
  ]);
});
