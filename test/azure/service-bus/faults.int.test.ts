import { ServiceBusClient } from "@azure/service-bus";
import { type Fault, type Operation, startServiceBus } from "@holdfast/service-bus-emulator";
import type { HoldfastError } from "holdfast";
import { afterEach, expect, test } from "vitest";
import { createServiceBusBus } from "holdfast/azure/service-bus";
import { createSystem } from "../../../src/core/runtime/system.ts";
import { busApp, eventOf, parcelOf } from "../../../src/testing/conformance/bus-fixtures.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A bus whose broker does to each operation what `faults` says. */
async function open(faults: (operation: Operation) => Fault | undefined, requestTimeoutMs = 10_000) {
  const broker = await startServiceBus({
    faults,
    queues: { "queue-work": {}, timers: {} },
    topics: { events: { subscriptions: { all: { requiresSession: true } } } },
  });
  const client = new ServiceBusClient(broker.connectionString, { retryOptions: { maxRetries: 0 } });
  closing.push(broker.stop, () => client.close());
  return { broker, bus: createServiceBusBus({ client, app: busApp, system: createSystem(), requestTimeoutMs }) };
}

const busy: Fault = { refuse: "com.microsoft:server-busy" };

function said(error: HoldfastError | undefined): string | undefined {
  return error && `${error.code}, ${error.retry}`;
}

test("a broker that is too busy is told as such, for each message of the batch", async () => {
  const { bus } = await open(({ kind }) => (kind === "send" ? busy : undefined));
  const results = await bus.send("queue:work", [parcelOf("a"), parcelOf("b")]);
  expect(results.map(said)).toEqual(["overloaded, later", "overloaded, later"]);
});

test.each([
  ["amqp:unauthorized-access", "bus-failed, later", "roles"],
  ["amqp:link:message-size-exceeded", "message-too-large, never", "refuses a message"],
  ["com.microsoft:entity-disabled", "bus-unavailable, never", "cannot be sent to"],
  ["com.microsoft:timeout", "bus-failed, later", "may or may not be there"],
])("a broker that says %s: %s", async (condition, expected, text) => {
  const { bus, broker } = await open(({ kind }) => (kind === "send" ? { refuse: condition } : undefined));
  const [error] = await bus.send("queue:work", [parcelOf("a")]);
  expect([said(error), error?.message]).toEqual([expected, expect.stringContaining(text)]);
  expect(broker.messages("queue-work")).toEqual([]);
});

test("an answer that is lost leaves it open whether a message is there, and it is", async () => {
  const { bus, broker } = await open(({ kind }) => (kind === "send" ? "drop-reply" : undefined), 300);
  const [error] = await bus.send("queue:work", [parcelOf("a")]);
  expect(said(error)).toBe("bus-failed, later");
  expect(error?.message).toContain("may or may not be there");
  expect(broker.messages("queue-work")).toHaveLength(1);
});

test("a queue that is not there is a deployment's mistake, not the message's", async () => {
  const { bus } = await open(() => undefined);
  const [error] = await bus.send("sends", [parcelOf("a")]);
  expect(said(error)).toBe("bus-unavailable, never");
  expect(error?.message).toContain('"sends"');
});

test("where nobody listens nothing was sent, and the message says so", async () => {
  const client = new ServiceBusClient(
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=y;UseDevelopmentEmulator=true",
    { retryOptions: { maxRetries: 0 } },
  );
  closing.push(() => client.close());
  const bus = createServiceBusBus({ client, app: busApp, system: createSystem() });
  const [error] = await bus.send("queue:work", [parcelOf("a")]);
  expect([said(error), error?.message]).toEqual(["bus-failed, later", expect.stringContaining("nothing was sent")]);
});

test("of a stream nothing goes after what the topic has not taken", async () => {
  let sends = 0;
  const { bus, broker } = await open(({ kind }) => (kind === "send" && ++sends === 2 ? busy : undefined));
  const results = await bus.publish([eventOf("a", "a0"), eventOf("b", "b0"), eventOf("a", "a1"), eventOf("a", "a2")]);
  expect(results.map(said)).toEqual([undefined, undefined, "overloaded, later", "bus-failed, later"]);
  expect(broker.messages("events/Subscriptions/all").map(({ messageId }) => messageId)).toEqual(["a0", "b0"]);
});

test("after a connection that was cut the next call opens another one", async () => {
  const { bus, broker } = await open(() => undefined, 1_000);
  expect((await bus.send("queue:work", [parcelOf("a")])).map(said)).toEqual([undefined]);
  broker.cutConnections();
  const results: (string | undefined)[] = [];
  for (let i = 0; i < 5; i++) results.push(said((await bus.send("queue:work", [parcelOf("b")]))[0]));
  expect(results.at(-1)).toBeUndefined();
});

test("events of a hundred entities are a few sends", async () => {
  const { bus, broker } = await open(() => undefined);
  broker.resetOperations();
  await bus.publish(Array.from({ length: 100 }, (_, i) => eventOf(`e${i}`, `e${i}`)));
  expect(broker.messages("events/Subscriptions/all")).toHaveLength(100);
  expect(broker.operations()["send"]).toBeLessThanOrEqual(2);
});
