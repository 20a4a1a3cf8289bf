import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { ServiceBusClient } from "@azure/service-bus";
import { startServiceBus } from "@holdfast/service-bus-emulator";
import { createServiceBusBus } from "holdfast/azure/service-bus";
import { expect, test } from "vitest";
import { createSystem } from "../../../src/core/runtime/system.ts";
import { busApp, parcelOf } from "../../../src/testing/conformance/bus-fixtures.ts";

test("a connection that takes longer to open than a send may take is used when it is open", async () => {
  const broker = await startServiceBus({ queues: { "queue-work": {} } });
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>();
  const gate = createServer((from) => {
    void isOpen.then(() => {
      const to = connect(broker.port, "127.0.0.1");
      from.pipe(to).pipe(from);
      for (const [one, other] of [[from, to] as const, [to, from] as const]) {
        one.on("error", () => other.destroy()).on("close", () => other.destroy());
      }
    });
  }).listen(0, "127.0.0.1");
  await once(gate, "listening");
  // It listens on a TCP port, so it has one.
  const { port } = gate.address() as AddressInfo;
  const client = new ServiceBusClient(broker.connectionString.replace(`:${broker.port}`, `:${port}`));
  const bus = createServiceBusBus({ client, app: busApp, system: createSystem(), requestTimeoutMs: 300 });
  try {
    for (const id of ["a", "b"]) {
      const [error] = await bus.send("queue:work", [parcelOf(id)]);
      expect(error?.code).toBe("bus-failed");
    }
    open();
    await expect.poll(() => bus.send("queue:work", [parcelOf("c")]), { timeout: 10_000 }).toEqual([undefined]);
    expect(broker.messages("queue-work").map(({ messageId }) => messageId)).toContain("c");
  } finally {
    await client.close();
    await broker.stop();
    gate.close();
  }
});
