import { expect, test } from "vitest";
import { types } from "../../packages/service-bus-emulator/amqp/rhea.ts";
import { eventually, start } from "./fixtures.ts";
import { closed, connectRaw, delivery } from "./raw.ts";

const sessionFilter = "com.microsoft:session-filter";
const renew = "com.microsoft:renew-session-lock";

test("a session's lock is renewed, and its state read, for the link that holds it, and for no other", async () => {
  const { bus, client } = await start({ queues: { q: { requiresSession: true } } });
  const raw = await connectRaw(bus);
  const holder = await client.acceptSession("q", "a", { maxAutoLockRenewalDurationInMs: 0 });
  const body = { "session-id": "a" };
  for (const operation of [renew, "com.microsoft:get-session-state", "com.microsoft:set-session-state"]) {
    const { application_properties: other } = await raw.request("q", operation, body, "another");
    expect(other).toMatchObject({ statusCode: 410, errorCondition: "com.microsoft:session-lock-lost" });
  }
  expect(await raw.request("q", renew, body)).toMatchObject({ application_properties: { statusCode: 200 } });
  await holder.close();
  expect(await raw.request("q", renew, body)).toMatchObject({ application_properties: { statusCode: 410 } });
});

test("sessions that have messages or a state are listed, a part at a time", async () => {
  const { bus, client } = await start({ queues: { q: { requiresSession: true } } });
  const raw = await connectRaw(bus);
  const list = (skip: number, top: number) =>
    raw.request("q", "com.microsoft:get-message-sessions", { skip, top, "last-updated-time": new Date(0) });
  expect(await list(0, 10)).toMatchObject({ application_properties: { statusCode: 204 } });
  await client.createSender("q").sendMessages(["a", "b"].map((sessionId) => ({ body: 1, sessionId })));
  const c = await client.acceptSession("q", "c", { maxAutoLockRenewalDurationInMs: 0 });
  await c.setSessionState("kept");
  expect(await list(0, 2)).toMatchObject({ body: { "sessions-ids": ["a", "b"] } });
  expect(await list(2, 2)).toMatchObject({ body: { "sessions-ids": ["c"] } });
});

test("a session filter may be described with a type, as other clients do", async () => {
  const { bus, client } = await start({ queues: { q: { requiresSession: true } } });
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  const raw = await connectRaw(bus);
  const filter = { [sessionFilter]: types.wrap_described("a", sessionFilter) };
  const link = await raw.receiver("q", 1, { source: { address: "q", filter } });
  expect((await delivery(link)).message).toMatchObject({ group_id: "a" });
  expect(link.source.filter).toEqual({ [sessionFilter]: "a" });
});

test("a released message comes again", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages({ body: 1 });
  const link = await (await connectRaw(bus)).receiver("q", 2);
  const first = await delivery(link);
  const second = delivery(link);
  first.delivery.release();
  expect((await second).message.delivery_count).toBe(1);
});

test("a settlement that wants no answer is done", async () => {
  const { bus, client } = await start({ queues: { q: {} } });
  await client.createSender("q").sendMessages({ body: 1 });
  const link = await (await connectRaw(bus)).receiver("q", 1, { rcv_settle_mode: 0 });
  (await delivery(link)).delivery.accept();
  await eventually(() => bus.messages("q")).toEqual([]);
});

test("who does not answer a request to detach gets nothing more of a session that it has lost", async () => {
  const { bus, client, clock } = await start({ queues: { q: { requiresSession: true, lockDurationMs: 1_000 } } });
  const raw = await connectRaw(bus);
  const link = await raw.receiver("q", 5, { source: { address: "q", filter: { [sessionFilter]: "a" } } });
  const ended = closed(link);
  clock.advance(1_000);
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  expect(await ended).toBe("com.microsoft:session-lock-lost");
  expect(bus.messages("q")).toMatchObject([{ state: "active" }]);
  expect(bus.operations().receive).toBeUndefined();
});

test("an operation that is not known is refused, and so is a message of a format that is not", async () => {
  const { bus } = await start({ queues: { q: {} } });
  const raw = await connectRaw(bus);
  expect(await raw.request("q", "com.microsoft:fly", {})).toMatchObject({
    application_properties: { statusCode: 501, errorCondition: "amqp:not-implemented" },
  });
  expect(await raw.request("q", undefined, undefined)).toMatchObject({ application_properties: { statusCode: 501 } });
  expect(await raw.request("q", "com.microsoft:renew-lock", {})).toMatchObject({
    application_properties: { statusCode: 400 },
  });
  const sender = await raw.sender("q");
  const rejected = new Promise<unknown>((resolve) => {
    sender.on("rejected", ({ delivery: given }) => resolve(given?.remote_state?.["error"]));
  });
  sender.send(Buffer.from([1, 2, 3]), "tag", 7);
  expect(await rejected).toMatchObject({ condition: "amqp:not-implemented" });
  sender.send(Buffer.from([1, 2, 3]), "tag", 0x80013700);
  await eventually(() => bus.operations().send).toBe(2);
  expect(bus.messages("q")).toEqual([]);
});

test("who gives up waiting for a session is let go, and the session that comes then goes to another", async () => {
  const { bus, client } = await start({ queues: { q: { requiresSession: true } } });
  const raw = await connectRaw(bus);
  const link = raw.attach("q", { source: { address: "q", filter: { [sessionFilter]: null } } });
  await eventually(() => bus.operations()["accept-session"]).toBe(1);
  const ended = closed(link);
  link.close();
  expect(await ended).toBeUndefined();
  await client.createSender("q").sendMessages({ body: 1, sessionId: "a" });
  const next = await client.acceptNextSession("q", { maxAutoLockRenewalDurationInMs: 0 });
  expect(next.sessionId).toBe("a");
});
