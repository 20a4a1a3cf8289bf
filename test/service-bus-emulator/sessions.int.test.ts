import { expect, test } from "vitest";
import { bodies, codeOf, connect, eventually, nothing, one, receive, start } from "./fixtures.ts";

const lockDurationMs = 30_000;
const queues = { q: { requiresSession: true, lockDurationMs } };
// Or the client renews by its own clock.
const options = { maxAutoLockRenewalDurationInMs: 0 };

test("a session's messages come in order, to whoever holds it, and no other's", async () => {
  const { client, clock } = await start({ queues });
  await client.createSender("q").sendMessages([
    { body: 1, sessionId: "a" },
    { body: 2, sessionId: "b" },
    { body: 3, sessionId: "a" },
  ]);
  const a = await client.acceptSession("q", "a", options);
  expect(a.sessionId).toBe("a");
  expect(a.sessionLockedUntilUtc.getTime()).toBe(clock.now() + lockDurationMs);
  expect(bodies(await receive(a, 5, 200))).toEqual([1, 3]);
  await client.createSender("q").sendMessages({ body: 4, sessionId: "a" });
  expect(await one(a)).toMatchObject({ body: 4, sessionId: "a" });
});

test("the next free session is the one with the oldest message; one that comes later goes to who waits", async () => {
  const { client } = await start({ queues });
  const sender = client.createSender("q");
  await sender.sendMessages([
    { body: 1, sessionId: "first" },
    { body: 2, sessionId: "second" },
  ]);
  const first = await client.acceptNextSession("q", options);
  const second = await client.acceptNextSession("q", options);
  expect([first.sessionId, second.sessionId]).toEqual(["first", "second"]);
  const waiting = client.acceptNextSession("q", options);
  // A held session's message is its holder's.
  await sender.sendMessages({ body: 3, sessionId: "first" });
  await sender.sendMessages({ body: 4, sessionId: "third" });
  const third = await waiting;
  expect(third.sessionId).toBe("third");
  expect(await one(third)).toMatchObject({ body: 4 });
});

test("who waits for a session that does not come is told so", async () => {
  const { client, clock, bus } = await start({ queues }, 2_000);
  const waiting = codeOf(client.acceptNextSession("q", options));
  await eventually(() => bus.operations()["accept-session"]).toBe(1);
  clock.advance(2_000);
  expect(await waiting).toBe("ServiceTimeout");
});

test("a held session is refused to others, and free as soon as its holder closes, with what was not settled", async () => {
  const { bus, client } = await start({ queues });
  await client.createSender("q").sendMessages([1, 2, 3].map((body) => ({ body, sessionId: "a" })));
  const holder = await client.acceptSession("q", "a", options);
  const [first] = await receive(holder, 2);
  if (!first) throw new Error("Three were sent.");
  expect(await codeOf(client.acceptSession("q", "a", options))).toBe("SessionCannotBeLocked");
  await holder.completeMessage(first);
  await holder.close();
  // That counts as no delivery.
  expect(bus.messages("q")).toMatchObject([{ body: 2, state: "active", deliveryCount: 0 }, { body: 3 }]);
  const next = await client.acceptSession("q", "a", options);
  expect(bodies(await receive(next, 2))).toEqual([2, 3]);
});

test("an abandoned message is again the first of its session, for its holder and for the next one", async () => {
  const { client } = await start({ queues });
  await client.createSender("q").sendMessages([1, 2, 3, 4].map((body) => ({ body, sessionId: "a" })));
  const holder = await client.acceptNextSession("q", options);
  const [one1, two] = await receive(holder, 2);
  if (!one1 || !two) throw new Error("Four were sent.");
  await holder.abandonMessage(two);
  await holder.abandonMessage(one1);
  const again = await receive(holder, 3);
  expect(again.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
    [1, 1],
    [2, 1],
    [3, 0],
  ]);
  await holder.close();
  const next = await client.acceptNextSession("q", options);
  expect(bodies(await receive(next, 4))).toEqual([1, 2, 3, 4]);
});

test("a session lock that runs out is lost for its holder; its messages come again in order and have been delivered once", async () => {
  // Its waiting is to outlast the lock.
  const { bus, client, clock } = await start({ queues }, 2 * lockDurationMs);
  await client.createSender("q").sendMessages([1, 2, 3].map((body) => ({ body, sessionId: "a" })));
  const holder = await client.acceptSession("q", "a", options);
  const [first] = await receive(holder, 2);
  if (!first) throw new Error("Three were sent.");
  const waiting = client.acceptNextSession("q", options);
  await eventually(() => bus.operations()["accept-session"]).toBe(2);
  clock.advance(lockDurationMs);
  const next = await waiting;
  expect((await receive(next, 3)).map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
    [1, 1],
    [2, 1],
    [3, 0],
  ]);
  expect(await codeOf(holder.completeMessage(first))).toBe("SessionLockLost");
  expect(await codeOf(holder.renewSessionLock())).not.toBe("no error");
  expect(bus.messages("q").map(({ state }) => state)).toEqual(["locked", "locked", "locked"]);
});

test("a renewed session lock holds its messages too", async () => {
  const { bus, client, clock } = await start({ queues });
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  const holder = await client.acceptSession("q", "a", options);
  const message = await one(holder);
  clock.advance(20_000);
  expect((await holder.renewSessionLock()).getTime()).toBe(clock.now() + lockDurationMs);
  clock.advance(20_000);
  await holder.completeMessage(message);
  expect(bus.messages("q")).toEqual([]);
});

test("a connection that is cut gives its sessions back at once", async () => {
  const { bus, client } = await start({ queues });
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  await one(await client.acceptSession("q", "a", options));
  bus.cutConnections();
  const next = await connect(bus).acceptNextSession("q", options);
  expect(await one(next)).toMatchObject({ body: 1 });
});

test("a session's state stays when its holder goes, and belongs to the session", async () => {
  const { client } = await start({ queues });
  const a = await client.acceptSession("q", "a", options);
  expect(await a.getSessionState()).toBeNull();
  await a.setSessionState({ step: 3 });
  expect(await a.getSessionState()).toEqual({ step: 3 });
  await a.close();
  const [again, b] = [await client.acceptSession("q", "a", options), await client.acceptSession("q", "b", options)];
  expect(await again.getSessionState()).toEqual({ step: 3 });
  expect(await b.getSessionState()).toBeNull();
});

test("a deferred message of a session comes to who holds the session", async () => {
  const { bus, client } = await start({ queues });
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  const holder = await client.acceptSession("q", "a", options);
  const message = await one(holder);
  await holder.deferMessage(message);
  const sequence = message.sequenceNumber;
  if (!sequence) throw new Error("It has a sequence number.");
  const other = await client.acceptSession("q", "b", options);
  expect(await codeOf(other.receiveDeferredMessages(sequence))).toBe("MessageNotFound");
  const [again] = await holder.receiveDeferredMessages(sequence);
  if (!again) throw new Error("It came.");
  await holder.completeMessage(again);
  expect(bus.messages("q")).toEqual([]);
});

test("dead letters of sessions come without a session", async () => {
  const { client } = await start({ queues });
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  const holder = await client.acceptSession("q", "a", options);
  await holder.deadLetterMessage(await one(holder), {
    deadLetterReason: "bad",
    deadLetterErrorDescription: "",
  });
  expect(await one(client.createReceiver("q", { subQueueType: "deadLetter" }))).toMatchObject({
    sessionId: "a",
    deadLetterReason: "bad",
  });
});

test("peek shows a session's messages only", async () => {
  const { client } = await start({ queues });
  await client.createSender("q").sendMessages([
    { body: 1, sessionId: "a" },
    { body: 2, sessionId: "b" },
  ]);
  const b = await client.acceptSession("q", "b", options);
  expect(bodies(await b.peekMessages(5))).toEqual([2]);
});

test("where sessions are required, messages and receivers without one are refused; elsewhere sessions are", async () => {
  const { bus, client } = await start({ queues: { ...queues, plain: {} } });
  expect(await codeOf(client.createSender("q").sendMessages({ body: 1 }))).toBe("GeneralError");
  expect(await codeOf(client.createSender("q").sendMessages([{ body: 1, sessionId: "a" }, { body: 2 }]))).toBe(
    "GeneralError",
  );
  expect(bus.messages("q")).toEqual([]);
  expect(await codeOf(receive(client.createReceiver("q")))).toBe("GeneralError");
  expect(await codeOf(client.acceptNextSession("plain", options))).toBe("GeneralError");
  // A session id does no harm there.
  await client.createSender("plain").sendMessages({ body: 1, sessionId: "a" });
  expect(await one(client.createReceiver("plain"))).toMatchObject({ sessionId: "a" });
  expect(await nothing(client.createReceiver("plain"))).toBe(true);
});
