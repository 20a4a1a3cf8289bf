import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { expect, test, vi } from "vitest";
import { codeOf, collect, connect, eventually, macrotask, receive, start } from "./fixtures.ts";

// Minutes on a machine that is busy with other things.
vi.setConfig({ testTimeout: 120_000 });

/** A generator of its own: one seed, one run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("5,000 messages go over one link each way, in order and each once: rhea's memory of 2,048 is no limit", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  const count = 5_000;
  for (let first = 0; first < count; first += 500) {
    await sender.sendMessages(Array.from({ length: 500 }, (_, i) => ({ body: first + i })));
  }
  // Single ones too: each is a delivery of its own on the sender's link.
  for (let first = 0; first < 2_500; first += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => sender.sendMessages({ body: count + first + i })));
  }
  const receiver = client.createReceiver("q");
  const bodies: unknown[] = [];
  while (bodies.length < count + 2_500) {
    const messages = await receive(receiver, 500);
    expect(messages.length).toBeGreaterThan(0);
    // All complete: what the client merges is all the same.
    await Promise.all(messages.map((message) => receiver.completeMessage(message)));
    bodies.push(...messages.map(({ body }) => body as unknown));
  }
  expect(bodies).toEqual(Array.from({ length: count + 2_500 }, (_, i) => i));
  expect(bus.messages("q")).toEqual([]);
});

test("3,000 requests to $management go over one link", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const receiver = client.createReceiver("q");
  for (let i = 0; i < 30; i++) await Promise.all(Array.from({ length: 100 }, () => receiver.peekMessages(1)));
  expect(bus.operations().peek).toBe(3_000);
});

test("3,000 messages are received and deleted on one link", async () => {
  const { client } = await start({ queues: { q: {} } });
  const sender = client.createSender("q");
  await sender.sendMessages(Array.from({ length: 3_000 }, (_, i) => ({ body: i })));
  const receiver = client.createReceiver("q", { receiveMode: "receiveAndDelete" });
  const bodies: unknown[] = [];
  while (bodies.length < 3_000) bodies.push(...(await receive(receiver, 500)).map(({ body }) => body as unknown));
  expect(bodies).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
});

test("20 receivers that complete, abandon and dead-letter at random lose nothing and do nothing twice", async () => {
  const { bus, client } = await start({ queues: { q: { maxDeliveryCount: 2_000 } } });
  const count = 1_000;
  const next = random(42);
  await client
    .createSender("q")
    .sendMessages(Array.from({ length: count }, (_, body) => ({ body, messageId: String(body) })));
  const ended: string[] = [];
  const deliveries = new Map<string, number>();
  let turn: Promise<void> = Promise.resolve();

  /** One settlement per macrotask over all receivers: the client merges those of one tick. */
  async function settle(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): Promise<void> {
    const id = String(message.messageId);
    expect(message.deliveryCount).toBe(deliveries.get(id) ?? 0);
    deliveries.set(id, (deliveries.get(id) ?? 0) + 1);
    turn = turn.then(macrotask);
    await turn;
    const choice = next();
    if (choice < 0.3) return receiver.abandonMessage(message);
    ended.push(id);
    if (choice < 0.8) return receiver.completeMessage(message);
    return receiver.deadLetterMessage(message, { deadLetterReason: "chance", deadLetterErrorDescription: id });
  }

  const errors: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    // Half of them on connections of their own.
    const receiver = (i % 2 === 0 ? client : connect(bus)).createReceiver("q");
    receiver.subscribe(
      { processMessage: (message) => settle(receiver, message), processError: collect(errors) },
      { maxConcurrentCalls: 10, autoCompleteMessages: false },
    );
  }
  await expect
    .poll(() => bus.messages("q").filter(({ state }) => state !== "dead").length, { timeout: 100_000 })
    .toBe(0);
  expect(errors).toEqual([]);
  expect(ended.length).toBe(count);
  expect(new Set(ended).size).toBe(count);
  const dead = bus.messages("q");
  expect(dead.length).toBeGreaterThan(100);
  expect(new Set(dead.map(({ messageId }) => messageId)).size).toBe(dead.length);
  // Each dead one carries what was said of it, and not of its neighbour.
  expect(dead.filter(({ messageId, properties }) => properties["DeadLetterErrorDescription"] !== messageId)).toEqual(
    [],
  );
});

test("sessions keep their order though their messages are abandoned at random by several holders", async () => {
  const { bus, client, clock } = await start({ queues: { q: { requiresSession: true, maxDeliveryCount: 2_000 } } });
  const next = random(7);
  const [sessions, length] = [10, 30];
  const all = Array.from({ length: sessions * length }, (_, i) => ({
    sessionId: `s${i % sessions}`,
    body: Math.floor(i / sessions),
  }));
  await client.createSender("q").sendMessages(all);
  const seen = new Map<string, unknown[]>();

  async function work(): Promise<void> {
    while (bus.messages("q").length > 0) {
      const session = await client.acceptNextSession("q", { maxAutoLockRenewalDurationInMs: 0 }).catch(() => undefined);
      if (!session) return;
      // A few at a time: then others have their turn.
      for (const message of await receive(session, 5, 100)) {
        await macrotask();
        if (next() < 0.3) {
          await session.abandonMessage(message);
          break;
        }
        await session.completeMessage(message);
        seen.set(session.sessionId, [...(seen.get(session.sessionId) ?? []), message.body as unknown]);
      }
      await session.close();
    }
  }

  let left = 5;
  const workers = Array.from({ length: left }, () => work().finally(() => left--));
  await expect.poll(() => bus.messages("q").length, { timeout: 100_000 }).toBe(0);
  // Those who still wait for a session are told that there is none.
  await eventually(() => {
    clock.advance(10_000);
    return left;
  }).toBe(0);
  await Promise.all(workers);
  expect(seen.size).toBe(sessions);
  for (const bodies of seen.values()) expect(bodies).toEqual(Array.from({ length }, (_, i) => i));
});

test("settlements of one tick that fail and succeed are answered each for itself", async () => {
  const { bus, client, clock } = await start({ queues: { q: { lockDurationMs: 1_000 } } });
  await client.createSender("q").sendMessages(Array.from({ length: 6 }, (_, body) => ({ body })));
  const receiver = client.createReceiver("q");
  const early = await receive(receiver, 3);
  clock.advance(600);
  const late = await receive(receiver, 3);
  // The first three locks are gone, the last three hold.
  clock.advance(400);
  const codes = await Promise.all([...early, ...late].map((message) => codeOf(receiver.completeMessage(message))));
  expect(codes).toEqual([...Array(3).fill("MessageLockLost"), ...Array(3).fill("no error")]);
  expect(bus.messages("q").map(({ body, state }) => [body, state])).toEqual([
    [0, "active"],
    [1, "active"],
    [2, "active"],
  ]);
});

test("sends of one tick that fail and succeed are answered each for itself", async () => {
  const { bus, client } = await start({
    queues: { q: {} },
    faults: ({ messageIds: [id = ""] }) => (id.startsWith("bad") ? { refuse: "com.microsoft:server-busy" } : undefined),
  });
  const sender = client.createSender("q");
  await sender.sendMessages({ body: 0, messageId: "first" });
  const ids = ["a", "bad1", "b", "c", "bad2", "bad3", "d"];
  const codes = await Promise.all(ids.map((messageId) => codeOf(sender.sendMessages({ body: 1, messageId }))));
  expect(codes).toEqual(ids.map((id) => (id.startsWith("bad") ? "ServiceBusy" : "no error")));
  expect(bus.messages("q").map(({ messageId }) => messageId)).toEqual(["first", "a", "b", "c", "d"]);
});

test("receivers of one queue are given as much as they asked for, and no more", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  const waiting = [5, 3].map((count) => receive(client.createReceiver("q"), count));
  await client.createSender("q").sendMessages(Array.from({ length: 10 }, (_, body) => ({ body })));
  const messages = await Promise.all(waiting);
  expect(messages.map(({ length }) => length)).toEqual([5, 3]);
  expect(new Set(messages.flat().map(({ body }) => body as unknown)).size).toBe(8);
  expect(bus.messages("q").filter(({ state }) => state === "active")).toHaveLength(2);
});

test("a subscriber holds no more messages than it handles at once", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages(Array.from({ length: 40 }, (_, body) => ({ body })));
  const receiver = client.createReceiver("q");
  const errors: unknown[] = [];
  const locked: number[] = [];
  receiver.subscribe(
    {
      async processMessage(message) {
        await macrotask();
        locked.push(bus.messages("q").filter(({ state }) => state === "locked").length);
        await receiver.completeMessage(message);
      },
      processError: collect(errors),
    },
    { maxConcurrentCalls: 5, autoCompleteMessages: false },
  );
  await eventually(() => bus.messages("q").length).toBe(0);
  expect(errors).toEqual([]);
  expect(Math.max(...locked)).toBeLessThanOrEqual(5);
  expect(locked).toHaveLength(40);
});
