import type { App } from "holdfast";
import type { DeliveryStart, DeliveryStore, TestApp } from "holdfast/testing";
import {
  createMemoryBroker,
  createMemoryFailures,
  createMemoryJournal,
  createMemoryPlaces,
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
import { idAttribute } from "../../../src/core/broker/receive.ts";
import { backfillInto } from "../../../src/cli/target/backfill.ts";
import { createRuntime } from "../../../src/core/runtime/runtime.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";
import { hostOn, type Platform } from "./host.ts";

/** What comes between an instance and what it shares with others. */
export interface Faults {
  store<Target extends object>(target: Target): Target;
  bus(bus: Bus): Bus;
  /** Whether what a host says of a batch gets lost. */
  loses(): boolean;
}

const pause = async (): Promise<void> => {};
const report = (): void => {};

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
  const shared = {
    journal: createMemoryJournal(),
    failures: createMemoryFailures(),
    places: createMemoryPlaces(),
  };
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
      const places = faults.store(shared.places);
      const system = createVirtualSystem(options);
      const runtime = createRuntime(app, { journal, system, services });
      latest = Math.max(latest, system.now());
      scheduled ??= system.now();
      const bus = faults.bus(broker);
      const ports = { runtime, journal, services };
      const relay = createRelay({ app, bus, journal, failures, system });
      const receive = createReceiver({ bus, failures, places, journal, system });
      const queues = queueConsumers(ports);
      let closed = false;
      // Who commits and who subscribes are not who relays: that goes on all the time.
      while (await relaySome());
      const pages = (async function* () {
        yield await shared.journal.recordsAfter(0, position);
      })();
      await backfillInto(
        { app, journal: shared.journal, bus: broker, places: shared.places, pages, now: system.now, pause, report },
        broker.subscribe(app).filter(({ from }) => from === "beginning"),
      );

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

      const platform: Platform<readonly Message[]> = {
        parallel: new Map(
          [...queues].map(([consumer, { concurrency }]) => [consumer, batchesOf(concurrency).parallel]),
        ),
        fire() {
          latest = Math.max(latest, system.now());
          fire();
        },
        relay: relaySome,
        take(consumer) {
          const { size } = batchesOf(queueOf(consumer).concurrency);
          const messages = broker.receive(consumer, { now: system.now(), limit: size, hideMs });
          return messages.length === 0 ? undefined : messages;
        },
        async handle(consumer, messages) {
          const outcomes = await receive(consumer, messages, queueOf(consumer), system.now() + hostMs);
          if (closed || faults.loses()) return;
          for (const [i, message] of messages.entries()) {
            broker.settle(consumer, message, outcomes[i] as Outcome, system.now());
          }
        },
        nextAt: () =>
          Math.min(
            relaying.until > system.now() ? relaying.until : Infinity,
            ...[...queues.keys()].map((consumer) => broker.nextAt(consumer, system.now() + 1)),
            ...[...app.timers.values()].map(({ schedule }) => schedule.next(system.now())),
          ),
        watch(listener) {
          const stops = [shared.journal.watch(listener), broker.watch(listener)];
          return () => {
            for (const stop of stops) stop();
          };
        },
        close() {
          closed = true;
          relaying = { until: 0 };
        },
      };

      function queueOf(consumer: string): QueueConsumer {
        return queues.get(consumer) as QueueConsumer;
      }

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
      const run = hostOn({ runtime, system, store, failures }, platform);
      runs.push(run);
      return run;
    },
    async close() {
      for (const run of runs) await Promise.all([run.close(), run.clock.advance(60_000)]);
    },
  };
}
