import type { DeliveryStore, TestApp, VirtualSystem } from "holdfast/testing";
import type { FailureStore } from "../../../src/core/broker/failures.ts";
import { queued } from "../../../src/core/delivery/outgoing.ts";
import type { Runtime } from "../../../src/core/runtime/runtime.ts";

/** What a platform whose broker holds what waits does for one instance. */
export interface Platform<Batch> {
  /** How many batches of each consumer are handled at once. */
  readonly parallel: ReadonlyMap<string, number>;
  /** Sends what its schedules have to send by now. */
  fire(): Promise<void> | void;
  /** Hands committed records to the relay; true: there may be more. */
  relay(): Promise<boolean>;
  /** What the consumer's queue hands out now. */
  take(consumer: string): Batch | undefined | Promise<Batch | undefined>;
  handle(consumer: string, batch: Batch): Promise<void>;
  /** When it has something to do next that nobody tells it of, epoch milliseconds; Infinity: nothing. */
  nextAt(): number;
  /** Calls back when there may be something to do. Returns the way to stop. */
  watch(listener: () => void): () => void;
  close(): void;
}

export interface Hosted {
  readonly runtime: Runtime;
  readonly system: VirtualSystem;
  readonly store: DeliveryStore;
  readonly failures: Pick<FailureStore, "blank">;
}

/** An instance that a platform hands work to, as the delivery suite runs it. */
export function hostOn<Batch>(hosted: Hosted, platform: Platform<Batch>): TestApp<DeliveryStore> {
  const { runtime, system, store, failures } = hosted;
  let closed = false;
  let failed: { readonly error: unknown } | undefined;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => void (release = resolve));
  const running = new Set<Promise<void>>();

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!closed) failed ??= { error };
      })
      .finally(() => running.delete(tracked));
    running.add(tracked);
  }

  /** One after the other for each consumer; who asks meanwhile is heard, too. */
  const asked = new Set<string>();
  const asking = new Set<string>();
  /** Batches that are being handled, by consumer. */
  const batches = new Map<string, number>();

  async function serve(consumer: string, parallel: number): Promise<void> {
    asked.add(consumer);
    if (asking.has(consumer)) return;
    asking.add(consumer);
    try {
      while (asked.delete(consumer)) {
        while (!closed && (batches.get(consumer) ?? 0) < parallel) {
          const taken = platform.take(consumer);
          const batch = taken instanceof Promise ? await taken : taken;
          if (batch === undefined) break;
          batches.set(consumer, (batches.get(consumer) ?? 0) + 1);
          track(
            platform.handle(consumer, batch).finally(() => {
              batches.set(consumer, (batches.get(consumer) ?? 0) - 1);
              poll();
            }),
          );
        }
      }
    } finally {
      asking.delete(consumer);
    }
  }

  let relays = false;
  let relayAsked = false;
  async function relayAll(): Promise<void> {
    relayAsked = true;
    if (relays) return;
    relays = true;
    try {
      while (relayAsked && !closed) {
        relayAsked = false;
        if (await platform.relay()) relayAsked = true;
      }
    } finally {
      relays = false;
    }
  }

  let wake = (): void => {};
  function poll(): void {
    if (closed) return;
    wake();
    const firing = platform.fire();
    if (firing) track(firing);
    track(relayAll());
    for (const [consumer, parallel] of platform.parallel) track(serve(consumer, parallel));
    const next = platform.nextAt();
    if (next < Infinity) wake = system.after(Math.max(1, next - system.now()), poll);
  }

  const stop = platform.watch(poll);
  poll();
  return {
    ...runtime,
    clock: system.clock,
    journal: store,
    async erase(request) {
      await runtime.erase(request);
      const { entity, id, principal } = request;
      await failures.blank({ tenant: principal.tenant, entity, id });
    },
    started: Promise.resolve(),
    async delivered() {
      poll();
      while (running.size > 0 && !closed) await Promise.race([released, Promise.all(running)]);
      if (failed) throw failed.error;
    },
    async send(queue, message, outgoing) {
      const made = queued({ ...outgoing, body: JSON.stringify(message) }, system);
      await store.send(`queue:${queue}`, [made]);
      return made.name;
    },
    async close() {
      closed = true;
      release();
      stop();
      wake();
      platform.close();
      await runtime.close();
    },
  };
}

/** What of the delivery suite applies where a broker holds what waits, and why not the rest. */
export const onBrokers = {
  has: [],
  lacks: {
    faults: "what delivers is not its store; test/core/broker/chaos.test.ts and test/aws break the broker",
    owner: "each message has an owner of its own, for as long as its handler may take",
    front: "a broker puts what is sent to it at the end",
  },
  expected: { ran: 56, notApplicable: 22 },
} as const;
