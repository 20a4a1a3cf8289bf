import type { BusContext } from "holdfast/testing";
import { createMemoryBroker, type MemoryBroker } from "holdfast/memory";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { Message } from "../../../src/core/broker/receive.ts";

/** A broker in memory with a clock of its own; `through` makes the bus of it. */
export function memoryContext(
  through: (broker: MemoryBroker, now: () => number) => Bus = (broker) => broker,
): BusContext & { close(): Promise<void> } {
  let now = 1_767_225_600_000;
  return {
    async open(app) {
      const broker = createMemoryBroker(() => now);
      broker.subscribe(app);
      return {
        bus: through(broker, () => now),
        now: () => now,
        async advance(ms) {
          now += ms;
        },
        async drain(consumer) {
          const drained: Message[] = [];
          for (;;) {
            const messages = broker.receive(consumer, { now, limit: 10, hideMs: 60_000 });
            if (messages.length === 0) return drained;
            for (const message of messages) broker.settle(consumer, message, { kind: "done" }, now);
            drained.push(...messages);
          }
        },
      };
    },
    async close() {},
  };
}
