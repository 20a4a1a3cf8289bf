import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { FailureStore } from "../../core/broker/failures.ts";
import { createMarks, type MarkStore } from "../../core/broker/marks.ts";
import type { PlaceStore } from "../../core/broker/places.ts";
import { createPublisher, type Publisher } from "../../core/broker/publisher.ts";
import { queueConsumers } from "../../core/broker/queues.ts";
import { createReceiver, type QueueConsumer } from "../../core/broker/receive.ts";
import { createRelay } from "../../core/broker/relay.ts";
import { createOutboxJournal, wakeUps, wakeUpsQueue } from "../../core/broker/wake-ups.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { Limits } from "../../core/runtime/limits.ts";
import { createRuntime, type Runtime } from "../../core/runtime/runtime.ts";
import type { System } from "../../core/runtime/system.ts";

/** What an instance works with: a store that tells nobody of its records, and a broker. */
export interface InstancePorts {
  readonly journal: Journal & MarkStore;
  readonly bus: Bus;
  readonly failures: FailureStore;
  readonly places: PlaceStore;
  readonly services?: unknown;
}

/** The running app of one process. */
export interface Instance {
  readonly runtime: Runtime;
  readonly bus: Bus;
  readonly receive: ReturnType<typeof createReceiver>;
  /** By consumer; wake-ups among them. */
  readonly queues: ReadonlyMap<string, QueueConsumer>;
  readonly publisher: Publisher;
}

/**
 * Composes the core: wake-ups are scheduled before appends, what was appended is published behind the reply, and what the
 * broker hands out is handled.
 */
export function createInstance(
  app: App,
  { journal: store, bus, failures, places, services }: InstancePorts,
  { system, limits }: { readonly system: System; readonly limits?: Partial<Limits> | undefined },
): Instance {
  const marks = createMarks();
  const relay = createRelay({ app, bus, journal: store, failures, system, marks });
  const publisher = createPublisher({ relay, marks, system });
  const journal = createOutboxJournal({ journal: store, bus, marks, system, publish: publisher.publish });
  const runtime = createRuntime(app, { journal, system, services, ...(limits && { limits }) });
  const queues = new Map(queueConsumers({ runtime, journal, services }));
  queues.set(wakeUps, wakeUpsQueue({ journal: store, relay, marks, system }));
  return { runtime, bus, receive: createReceiver({ bus, failures, places, journal, system }), queues, publisher };
}
