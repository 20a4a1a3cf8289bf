import type { App } from "../core/app.ts";
import { createDelivery, type Delivery } from "../core/delivery/delivery.ts";
import type { OutgoingMessage } from "../core/delivery/outgoing.ts";
import { isMessageStore, type DeadLetterStore, type MessageStore, type ReplayStore } from "../core/delivery/port.ts";
import type { Journal } from "../core/journal/port.ts";
import type { Limits } from "../core/runtime/limits.ts";
import { createRuntime, type Runtime } from "../core/runtime/runtime.ts";
import { createMemoryJournal } from "../memory/journal.ts";
import { createVirtualSystem, type VirtualClock, type VirtualSystemOptions } from "./virtual-system.ts";

export interface TestAppOptions<Services, J extends Journal = Journal> extends VirtualSystemOptions {
  readonly services?: Services;
  readonly limits?: Partial<Limits>;
  /** Share one to test several instances, or a restart. Default: a new one in memory. */
  readonly journal?: J;
}

export interface TestApp<J extends Journal = Journal> extends Runtime {
  readonly clock: VirtualClock;
  readonly journal: J;
  /** Resolves when subscriptions, workers and timers are registered: what is committed from then on reaches them. */
  readonly started: Promise<void>;
  /** Resolves when subscriptions, workers and timers have handled all that is due; retries and timers wait for the clock. */
  delivered(): Promise<void>;
  /** Puts a message, a JSON value, into a worker's queue. */
  send(queue: string, message: unknown, options?: Omit<OutgoingMessage, "body">): Promise<string>;
}

/** The app in memory, with a clock that the test moves: `await app.call(cart, "u1").addItem({ ... })`. */
export function createTestApp<Services, J extends Journal = Journal & MessageStore & DeadLetterStore & ReplayStore>(
  app: App<unknown, Services>,
  options: TestAppOptions<Services, J> = {},
): TestApp<J> {
  const { services, limits, ...rest } = options;
  // Without a journal of the caller's, `J` is what is made here.
  const journal = options.journal ?? (createMemoryJournal() as Journal as J);
  const system = createVirtualSystem(rest);
  const runtime = createRuntime(app, {
    journal,
    system,
    ...(services !== undefined && { services }),
    ...(limits && { limits }),
  });
  let delivery: Delivery | undefined;
  let started = Promise.resolve();
  if (isMessageStore(journal)) {
    delivery = createDelivery(runtime, { store: journal, journal, services });
    // Registered before this returns, if the store is memory: it does not wait.
    started = delivery.start();
    // Whoever waits for it, or for a delivery, is told.
    started.catch(() => {});
  }
  const delivering = (): Delivery => {
    if (delivery) return delivery;
    throw new TypeError("This journal keeps no messages, so nothing is delivered.");
  };
  return {
    ...runtime,
    clock: system.clock,
    journal,
    started,
    async delivered() {
      await started;
      await delivering().idle();
    },
    send: (queue, message, options) => delivering().send(queue, { ...options, body: JSON.stringify(message) }),
    async close() {
      await Promise.all([runtime.close(), delivery?.close(0)]);
    },
  };
}
