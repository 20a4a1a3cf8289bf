import { expect, test } from "vitest";
import {
  conditions,
  type Fault,
  type Operation,
  type OperationKind,
} from "../../packages/service-bus-emulator/index.ts";
import { bodies, codeOf, connect, eventually, messageOf, one, receive, start } from "./fixtures.ts";

/** The fault comes once, at the first operation of that kind. */
function once(kind: OperationKind, fault: Fault) {
  const seen: Operation[] = [];
  let left = 1;
  return {
    seen,
    faults(operation: Operation): Fault | undefined {
      seen.push(operation);
      return operation.kind === kind && left-- > 0 ? fault : undefined;
    },
  };
}

test("a send whose reply is dropped is done, and the client does not know", async () => {
  const { faults } = once("send", "drop-reply");
  const { bus, client } = await start({ queues: { q: {} }, faults }, 2_000);
  expect(await codeOf(client.createSender("q").sendMessages({ body: 1 }))).toBe("ServiceTimeout");
  expect(bus.messages("q")).toHaveLength(1);
});

test("a refused send is not done, and the client is told the condition", async () => {
  const { faults, seen } = once("send", { refuse: "com.microsoft:server-busy", description: "later" });
  const { bus, client } = await start({ queues: { q: {} }, faults });
  const sender = client.createSender("q");
  expect(await codeOf(sender.sendMessages({ body: 1, messageId: "m" }))).toBe("ServiceBusy");
  expect(bus.messages("q")).toEqual([]);
  await sender.sendMessages([
    { body: 2, messageId: "n" },
    { body: 3, messageId: "o" },
  ]);
  expect(bus.messages("q")).toHaveLength(2);
  expect(seen).toEqual([
    { kind: "attach", entity: "q", messageIds: [] },
    { kind: "send", entity: "q", messageIds: ["m"] },
    { kind: "send", entity: "q", messageIds: ["n", "o"] },
  ]);
});

test.each([
  ["before", 0],
  ["after", 1],
] as const)("a connection closed %s the send leaves %i messages, and a new one works", async (close, held) => {
  const { faults } = once("send", { close });
  const { bus, client } = await start({ queues: { q: {} }, faults }, 2_000);
  expect(await codeOf(client.createSender("q").sendMessages({ body: 1 }))).not.toBe("no error");
  expect(bus.messages("q")).toHaveLength(held);
  await connect(bus).createSender("q").sendMessages({ body: 2 });
  expect(bodies(bus.messages("q"))).toContain(2);
});

test("a settlement can be refused, and its message comes again when the lock has run out", async () => {
  const { faults, seen } = once("settle", { refuse: conditions.lockLost });
  const { client, clock } = await start({ queues: { q: { lockDurationMs: 1_000 } }, faults });
  await client.createSender("q").sendMessages({ body: 1, messageId: "m" });
  const receiver = client.createReceiver("q");
  expect(await codeOf(receiver.completeMessage(await one(receiver)))).toBe("MessageLockLost");
  clock.advance(1_000);
  expect(await one(receiver)).toMatchObject({ deliveryCount: 1 });
  expect(seen.at(-1)).toEqual({ kind: "settle", entity: "q", messageIds: ["m"] });
});

test("requests to $management, attaches and accepted sessions can be refused too", async () => {
  const refuse = (kind: OperationKind) => once(kind, { refuse: "com.microsoft:server-busy" }).faults;
  const kinds: readonly OperationKind[] = ["attach", "accept-session", "schedule", "peek", "session-state"];
  const faults = kinds.map(refuse);
  const { client, clock } = await start({
    queues: { q: { requiresSession: true } },
    faults: (operation) => faults.map((fault) => fault(operation)).find((fault) => fault !== undefined),
  });
  const sender = client.createSender("q");
  const message = { body: 1, sessionId: "a" };
  const soon = new Date(clock.now() + 1);
  expect(await codeOf(sender.sendMessages(message))).toBe("ServiceBusy");
  await sender.sendMessages(message);
  expect(await codeOf(sender.scheduleMessages(message, soon))).toBe("ServiceBusy");
  await sender.scheduleMessages(message, soon);
  const accept = () => client.acceptNextSession("q", { maxAutoLockRenewalDurationInMs: 0 });
  expect(await codeOf(accept())).toBe("ServiceBusy");
  const session = await accept();
  expect(await codeOf(session.peekMessages(1))).toBe("ServiceBusy");
  expect(await session.peekMessages(1)).toHaveLength(1);
  expect(await codeOf(session.getSessionState())).toBe("ServiceBusy");
  expect(await session.getSessionState()).toBeNull();
});

test("a delayed operation is done when the broker's clock has moved", async () => {
  const { faults } = once("send", { delayMs: 500 });
  const { bus, client, clock } = await start({ queues: { q: {} }, faults });
  const sent = client.createSender("q").sendMessages({ body: 1 });
  await eventually(() => bus.operations().send).toBe(1);
  clock.advance(499);
  expect(bus.messages("q")).toEqual([]);
  clock.advance(1);
  await sent;
  expect(bus.messages("q")).toHaveLength(1);
});

test("a hook that throws is told to the client, and the broker goes on", async () => {
  const { bus, client } = await start({
    queues: { q: {} },
    faults({ messageIds }) {
      if (messageIds.includes("bad")) throw new Error("no such luck");
      return undefined;
    },
  });
  const sender = client.createSender("q");
  expect(await messageOf(sender.sendMessages({ body: 1, messageId: "bad" }))).toMatch("no such luck");
  await sender.sendMessages({ body: 2, messageId: "good" });
  expect(bodies(await receive(client.createReceiver("q")))).toEqual([2]);
  expect(bus.operations()).toEqual({ attach: 2, send: 2, message: 2, receive: 1 });
});
