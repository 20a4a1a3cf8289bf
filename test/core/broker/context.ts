import type { App } from "holdfast";
import type { DeliveryStart, DeliveryStore, TestApp } from "holdfast/testing";
import {
  createMemoryBroker,
  createMemoryFailures,
  createMemoryJournal,
  type MemoryBroker,
  type MemoryJournal,
} from "holdfast/memory";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { FailureStore } from "../../../src/core/broker/failures.ts";
import { createDeadLetters } from "../../../src/core/broker/redrive.ts";
import { queueConsumers } from "../../../src/core/broker/queues.ts";
import {
  batchesOf,
  createReceiver,
  type Message,
  type Outcome,
  type QueueConsumer,
} from "../../../src/core/broker/receive.ts";
import { createRelay } from "../../../src/core/broker/relay.ts";
import { queued } from "../../../src/core/delivery/outgoing.ts";
import { idAttribute } from "../../../src/core/broker/receive.ts";
import { referenceBody } from "../../../src/core/broker/wire.ts";
import type { SubscriptionDefinition } from "../../../src/core/messaging/definition.ts";
import { envelopesOf } from "../../../src/core/messaging/envelope.ts";
import { createRuntime } from "../../../src/core/runtime/runtime.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

/** What comes between an instance and what it shares with others. */
export interface Faults {
  store<Target extends object>(target: Target): Target;
  bus(bus: Bus): Bus;
  /** Whether what a host says of a batch gets lost. */
  loses(): boolean;
}

const noFaults: Faults = { store: (target) => target, bus: (bus) => bus, loses: () => false };

export interface BrokerWorld {
  start<Services>(
    app: App<unknown, Services>,
    options: DeliveryStart<Services> & { readonly faults?: Faults },
  ): Promise<TestApp<DeliveryStore>>;
  readonly journal: MemoryJournal;
  readonly failures: FailureStore;
  readonly broker: MemoryBroker;
  close(): Promise<void>;
}

/**
 * Starts apps on a journal, a broker and rows for failures, all in memory and shared by the instances of a case. What the
 * platform does (it reads the stream and hands messages out) does not fail.
 * @param hostMs how long a host has for a batch; what it has not answered by then is handed out again
 */
export function brokerContext(hostMs = 950_000): BrokerWorld {
  const hideMs = hostMs + 10_000;
  const shared = { journal: createMemoryJournal(), failures: createMemoryFailures() };
  const runs: TestApp<DeliveryStore>[] = [];
  let latest = 0;
  const broker = createMemoryBroker(() => latest);
  /** How far the journal was relayed. */
  let position = 0;
  /** One at a time relays, as one shard of a stream has one reader: until then, or until it has answered. */
  let relaying = { until: 0 };
  /** Until when the platform's schedules have fired. */
  let scheduled: number | undefined;

  return {
    ...shared,
    broker,
    async start(app, { services, faults = noFaults, ...options }) {
      const journal = faults.store(shared.journal);
      const failures = faults.store(shared.failures);
      const system = createVirtualSystem(options);
      const runtime = createRuntime(app, { journal, system, services });
      latest = Math.max(latest, system.now());
      scheduled ??= system.now();
      const bus = faults.bus(broker);
      const ports = { runtime, journal, services };
      const relay = createRelay({ app, bus, journal, failures, system });
      const receive = createReceiver({ bus, failures, journal, system });
      const queues = queueConsumers(ports);
      let closed = false;
      let release = (): void => {};
      const released = new Promise<void>((resolve) => void (release = resolve));
      // Who commits and who subscribes are not who relays: that goes on all the time.
      while (await relaySome());
      await begin(broker.subscribe(app).filter(({ from }) => from === "beginning"));

      /** What was committed before a subscription was there goes into its queue. */
      async function begin(subscriptions: readonly SubscriptionDefinition[]): Promise<void> {
        for (const { name, wants } of subscriptions) {
          for (const { stream, record } of await shared.journal.recordsAfter(0, position)) {
            for (const [i, { type }] of envelopesOf(stream, record).entries()) {
              if (!wants.get(stream.entity)?.has(type.slice(stream.entity.length + 1))) continue;
              const body = referenceBody({ stream, sequence: record.sequence, n: i + 1 });
              await broker.send(`subscription:${name}`, [{ stream, id: `${record.id}-${i}`, body }]);
            }
          }
        }
      }

      /** The platform's schedules of all timers, also those of the time when nothing ran. */
      function fire(): void {
        const now = system.now();
        const before = scheduled ?? now;
        scheduled = Math.max(before, now);
        for (const [timer, { schedule }] of app.timers) {
          for (let at = schedule.next(before); at <= now; at = schedule.next(at)) {
            void broker.send("timers", [{ id: `${timer}${at}`, body: JSON.stringify({ timer, at }) }]);
          }
        }
      }

      async function relaySome(): Promise<boolean> {
        if (closed || relaying.until > latest) return false;
        const mine = { until: latest + hostMs };
        relaying = mine;
        const records = await shared.journal.recordsAfter(position, 100);
        const left = await relay.relay(records, system.now() + hostMs);
        // Too late: it is somebody else's turn.
        if (relaying !== mine) return false;
        mine.until = left.length > 0 ? latest + 500 : 0;
        if (left.length > 0 || closed || faults.loses()) return false;
        position += records.length;
        return records.length > 0;
      }

      /** Batches that are being handled, by consumer. */
      const batches = new Map<string, number>();
      const running = new Set<Promise<void>>();

      /** Takes what there is, up to ten batches at once. */
      function serve(consumer: string, queue: QueueConsumer): void {
        const { size, parallel } = batchesOf(queue.concurrency);
        while (!closed && (batches.get(consumer) ?? 0) < parallel) {
          const messages = broker.receive(consumer, { now: system.now(), limit: size, hideMs });
          if (messages.length === 0) return;
          batches.set(consumer, (batches.get(consumer) ?? 0) + 1);
          void track(
            handle(consumer, queue, messages).finally(() => {
              batches.set(consumer, (batches.get(consumer) ?? 0) - 1);
              poll();
            }),
          );
        }
      }

      async function handle(consumer: string, queue: QueueConsumer, messages: readonly Message[]): Promise<void> {
        const outcomes = await receive(consumer, messages, queue, system.now() + hostMs);
        if (closed || faults.loses()) return;
        for (const [i, message] of messages.entries()) {
          broker.settle(consumer, message, outcomes[i] as Outcome, system.now());
        }
      }

      async function track(work: Promise<void>): Promise<void> {
        running.add(work);
        await work.finally(() => running.delete(work));
      }

      let relays = false;
      let asked = false;
      async function relayAll(): Promise<void> {
        asked = true;
        if (relays) return;
        relays = true;
        while (asked && !closed) {
          asked = false;
          if (await relaySome()) asked = true;
        }
        relays = false;
      }

      let wake = (): void => {};
      function poll(): void {
        if (closed) return;
        wake();
        latest = Math.max(latest, system.now());
        fire();
        void track(relayAll());
        for (const [consumer, queue] of queues) serve(consumer, queue);
        const next = Math.min(
          relaying.until > system.now() ? relaying.until : Infinity,
          ...[...queues.keys()].map((consumer) => broker.nextAt(consumer, system.now() + 1)),
          ...[...app.timers.values()].map(({ schedule }) => schedule.next(system.now())),
        );
        if (next < Infinity) wake = system.after(Math.max(1, next - system.now()), poll);
      }
      const stopWatching = [shared.journal.watch(poll), broker.watch(poll)];
      poll();

      const store: DeliveryStore = {
        ...journal,
        ...createDeadLetters(failures, bus),
        async send(consumer, messages) {
          await broker.send(
            consumer,
            messages.map(({ name = system.newId(), body = "", attributes }) => ({
              id: name,
              body,
              attributes: { ...(JSON.parse(attributes ?? "{}") as object), [idAttribute]: name },
            })),
          );
        },
      };
      const run: TestApp<DeliveryStore> = {
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
        },
        async send(queue, message, outgoing) {
          const made = queued({ ...outgoing, body: JSON.stringify(message) }, system);
          await store.send(`queue:${queue}`, [made]);
          return made.name;
        },
        async close() {
          closed = true;
          release();
          relaying = { until: 0 };
          for (const stop of stopWatching) stop();
          wake();
          await runtime.close();
        },
      };
      runs.push(run);
      return run;
    },
    async close() {
      for (const run of runs) await Promise.all([run.close(), run.clock.advance(60_000)]);
    },
  };
}
