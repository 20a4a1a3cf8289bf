import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { expect, onTestFinished, test } from "vitest";
import { run, type Running, type Told } from "./fixtures.ts";

async function send({ bus }: Running, to: string, ...messages: readonly ServiceBusMessage[]): Promise<void> {
  const client = new ServiceBusClient(bus.connectionString);
  onTestFinished(() => client.close());
  const sender = client.createSender(to);
  // One after the other, so that this is their order.
  for (const message of messages) await sender.sendMessages(message);
}

const messageOf = (told: Told): unknown => told.message;
const deliveries = (told: readonly Told[]): unknown => told.map(({ metadata }) => metadata?.["deliveryCount"]);

/** Something that a test waits for. */
function gate(): { readonly opened: Promise<number>; open(status: number): void } {
  const { promise, resolve } = Promise.withResolvers<number>();
  return { opened: promise, open: resolve };
}

test("the messages of a session are handled one after the other, in order; sessions side by side", async () => {
  const running = await run();
  const { recorder } = running;
  const first = gate();
  recorder.decide = ({ message }) => (message === "a1" ? first.opened : 200);
  await send(
    running,
    "shop-ordered",
    { sessionId: "a", body: "a1" },
    { sessionId: "a", body: "a2" },
    { sessionId: "b", body: "b1" },
    { sessionId: "b", body: "b2" },
  );
  await recorder.until("ordered", 3);
  const before = recorder.told.filter(({ what }) => what === "ordered").map(messageOf);
  expect(before.toSorted()).toEqual(["a1", "b1", "b2"]);
  first.open(200);
  const all = (await recorder.until("ordered", 4)).map(messageOf);
  expect(all.at(-1)).toBe("a2");
  expect(all.indexOf("b1")).toBeLessThan(all.indexOf("b2"));
  await running.host.stop();
  expect(running.bus.messages("shop-ordered")).toEqual([]);
});

test("no more sessions are held at once than host.json says", async () => {
  const running = await run();
  const { recorder } = running;
  const held = gate();
  recorder.decide = ({ what }) => (what === "ordered" ? held.opened : 200);
  await send(running, "shop-ordered", ...["a", "b", "c"].map((id) => ({ sessionId: id, body: id })));
  await recorder.until("ordered", 2);
  const active = running.bus.messages("shop-ordered").filter(({ state }) => state === "active");
  expect(active.map(({ sessionId }) => sessionId)).toEqual(["c"]);
  held.open(200);
  expect((await recorder.until("ordered", 3)).map(messageOf).toSorted()).toEqual(["a", "b", "c"]);
});

test("what a function throws at comes again at once, before what is behind it", async () => {
  const running = await run();
  const { recorder } = running;
  recorder.decide = ({ metadata, message }) =>
    message === "a1" && Number(metadata?.["deliveryCount"]) < 3 ? 500 : 200;
  await send(running, "shop-ordered", { sessionId: "a", body: "a1" }, { sessionId: "a", body: "a2" });
  const all = await recorder.until("ordered", 4);
  expect(all.map(messageOf)).toEqual(["a1", "a1", "a1", "a2"]);
  expect(deliveries(all)).toEqual([1, 2, 3, 1]);
  expect(running.output()).toContain("ordered threw Error: ordered is to fail");
});

test("of messages that are settled at the same time, each has its own outcome", async () => {
  const running = await run();
  const { recorder } = running;
  recorder.decide = ({ message, metadata }) =>
    Number(message) % 2 === 1 && metadata?.["deliveryCount"] === 1 ? 500 : 200;
  const bodies = Array.from({ length: 40 }, (_, i) => i);
  await send(running, "work", ...bodies.map((body) => ({ body })));
  const all = await recorder.until("work", 60);
  const counts = Map.groupBy(all, messageOf);
  expect(bodies.map((body) => counts.get(String(body))?.length)).toEqual(bodies.map((body) => 1 + (body % 2)));
  await running.host.stop();
  expect(running.bus.messages("work")).toEqual([]);
});

test("a message arrives as bytes where the binding says so, and as the library reads it where not", async () => {
  const running = await run();
  await send(running, "work", { body: Buffer.from('{"a": 1}') });
  await send(
    running,
    "events",
    { sessionId: "s", body: Buffer.from('{"a": 1}') },
    { sessionId: "s", body: Buffer.from("plain") },
  );
  const [work] = await running.recorder.until("work", 1);
  expect([work?.isBytes, work?.message]).toEqual([true, '{"a": 1}']);
  const [json, text] = await running.recorder.until("mail", 2);
  expect([json?.isBytes, json?.message, text?.message]).toEqual([false, { a: 1 }, "plain"]);
});

test("trigger metadata is what the host sends, with names in camel case all the way down", async () => {
  const running = await run();
  await send(running, "events", {
    sessionId: "s1",
    messageId: "m1",
    body: Buffer.from("1"),
    contentType: "application/json",
    correlationId: "c1",
    subject: "placed",
    to: "mail",
    applicationProperties: { Type: "order.placed", n: 2 },
  });
  const [{ metadata }] = (await running.recorder.until("mail", 1)) as [Told];
  expect(metadata).toMatchObject({
    messageId: "m1",
    sessionId: "s1",
    deliveryCount: 1,
    sequenceNumber: expect.any(Number) as number,
    lockToken: expect.any(String) as string,
    contentType: "application/json",
    correlationId: "c1",
    subject: "placed",
    label: "placed",
    to: "mail",
    applicationProperties: { type: "order.placed", n: 2 },
  });
  // .NET's times without a zone, and with one.
  const { enqueuedTimeUtc, enqueuedTime, expiresAtUtc } = metadata as { readonly [name: string]: string };
  expect(enqueuedTimeUtc).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
  expect(enqueuedTime).toBe(`${enqueuedTimeUtc}+00:00`);
  expect(expiresAtUtc).toMatch(/^9999-12-31T/);
});

test.for(["work", "shop-ordered"])(
  "%s: a message whose process is killed comes again when its lock has run out",
  async (queue) => {
    const running = await run();
    const { recorder, host } = running;
    const what = queue === "work" ? "work" : "ordered";
    recorder.decide = ({ what: asked, metadata }) =>
      asked === what && metadata?.["deliveryCount"] === 1 ? new Promise(() => {}) : 200;
    await send(running, queue, { sessionId: "a", body: "a1" });
    const [first] = await recorder.until(what, 1);
    await host.functions.kill();
    const [, second] = await recorder.until(what, 2);
    expect(deliveries([second as Told])).toEqual([2]);
    expect(second?.pid).not.toBe(first?.pid);
    // Nobody gave it back.
    expect(running.bus.operations().settle).toBeUndefined();
  },
);

test("an instance without a process takes nothing, and what it held goes to another one", async () => {
  const running = await run({}, [], false);
  const { recorder, host } = running;
  const other = await running.another();
  await host.functions.kill();
  await send(running, "work", ...Array.from({ length: 10 }, (_, i) => ({ body: String(i) })));
  await send(running, "shop-ordered", ...["a", "b", "c", "d"].map((id) => ({ sessionId: id, body: id })));
  const all = [...(await recorder.until("work", 10)), ...(await recorder.until("ordered", 4))];
  expect(new Set(all.map(({ pid }) => pid))).toEqual(new Set([other.functions.pid]));
  expect(deliveries(all)).toEqual(all.map(() => 1));
  host.functions.start();
  await host.functions.ready();
  await other.stop();
  await send(running, "work", { body: "last" });
  expect((await recorder.until("work", 11)).at(-1)?.pid).toBe(host.functions.pid);
});

test("a lock is renewed for as long as the function takes", async () => {
  const running = await run();
  const { recorder, bus } = running;
  const held = gate();
  recorder.decide = ({ what }) => (what === "ordered" || what === "work" ? held.opened : 200);
  await send(running, "work", { body: "w" });
  await send(running, "shop-ordered", { sessionId: "a", body: "a1" });
  await Promise.all([recorder.until("work", 1), recorder.until("ordered", 1)]);
  // By the third time it is longer than a lock.
  await Promise.all([running.untilAsked("renew-lock", 3), running.untilAsked("renew-session-lock", 3)]);
  held.open(200);
  await running.host.stop();
  expect([...bus.messages("work"), ...bus.messages("shop-ordered")]).toEqual([]);
  expect(recorder.told.filter(({ what }) => what === "work" || what === "ordered")).toHaveLength(2);
});

test("a function that takes too long ends its process, and its message comes again", async () => {
  const running = await run({ AzureFunctionsJobHost__functionTimeout: "00:00:00.5" });
  const { recorder } = running;
  recorder.decide = ({ what, metadata }) =>
    what === "work" && metadata?.["deliveryCount"] === 1 ? new Promise(() => {}) : 200;
  await send(running, "work", { body: "w" });
  const [first, second] = await recorder.until("work", 2);
  expect(second?.pid).not.toBe(first?.pid);
  expect(running.output()).toContain("work took longer than 0.5 s");
});
