import { ServiceBusClient } from "@azure/service-bus";
import { createManualClock, startServiceBus } from "@holdfast/service-bus-emulator";
import { azurePlan } from "holdfast/azure/plan";
import { entitiesOf } from "@holdfast/azure-local";
import { expect, test } from "vitest";
import { crashApp } from "../app.ts";
import { createWaiting } from "./waiting.ts";

test("a wake-up waits when it is due, and all else from the beginning; what comes when hosts are about to end is nobody's", async () => {
  const clock = createManualClock();
  const plan = azurePlan(crashApp);
  const broker = await startServiceBus({ ...entitiesOf(plan), clock });
  const client = new ServiceBusClient(broker.connectionString);
  try {
    const later = new Date(clock.now() + 90_000);
    const send = (queue: string, messageId: string, to: Date = later): Promise<void> =>
      client.createSender(queue).sendMessages({ body: {}, messageId, scheduledEnqueueTimeUtc: to });
    await send("wakeups", "w1");
    const waiting = createWaiting(broker, plan);
    expect(waiting.now()).toEqual([]);
    await send("timers", "t1");
    expect(waiting.now()).toEqual(["timers t1 (scheduled) {}"]);
    clock.advance(90_000);
    expect(waiting.now().toSorted()).toEqual(["timers t1 (active) {}", "wakeups w1 (active) {}"]);
    await send("wakeups", "w2", new Date(clock.now() + 1_000));
    waiting.close();
    clock.advance(1_000);
    await send("timers", "t2");
    expect(waiting.now().toSorted()).toEqual(["timers t1 (active) {}", "wakeups w1 (active) {}"]);
  } finally {
    await client.close();
    await broker.stop();
  }
});
