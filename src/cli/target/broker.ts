import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { FailureStore } from "../../core/broker/failures.ts";
import type { Committed } from "../../core/broker/outbox.ts";
import type { PlaceStore } from "../../core/broker/places.ts";
import { idAttribute } from "../../core/broker/receive.ts";
import { createDeadLetters } from "../../core/broker/redrive.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { createRuntime, type Runtime } from "../../core/runtime/runtime.ts";
import type { System } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { progress } from "../output.ts";
import { backfillInto, beginning } from "./backfill.ts";
import { relayAll, type RelayDone } from "./relay.ts";
import { replayInto, subscriptionOf } from "./replay.ts";
import { sendAll } from "./send-all.ts";
import type { RecordsRange, Tools } from "./tools.ts";

/** What a deployment whose broker holds what waits has besides. */
export interface BrokerTools extends Tools {
  /** Publishes once more what was committed since that time, epoch milliseconds. Shows how far it is. */
  relay(app: App, since: number): Promise<RelayDone>;
  /**
   * Has subscriptions that begin at the beginning handle what is older than their queues; those of which that was done
   * before it leaves alone, and says since when.
   */
  backfill(app: App, how: BackfillHow): Promise<BackfillDone>;
}

export interface BackfillHow {
  /** Undefined: all. */
  readonly subscription: string | undefined;
  /** Also where a queue is so new that it may not get every event yet. */
  readonly now: boolean;
  /** When the queues were made, epoch milliseconds, where they cannot be asked; undefined: they are. */
  readonly created: number | undefined;
}

/** By the subscriptions' names. */
export interface BackfillDone {
  /** How many streams have older events that it wants. */
  readonly streams: ReadonlyMap<string, number>;
  /** Until when it was done before, epoch milliseconds. */
  readonly before: ReadonlyMap<string, number>;
}

/** What each target has of its own. */
export interface BrokerPorts {
  readonly system: System;
  readonly journal: Journal;
  readonly failures: FailureStore;
  readonly places: PlaceStore;
  /** All records of the range, in pages, each stream's in its order; `since`: committed then or later, epoch milliseconds. */
  scan(range: RecordsRange & { readonly since?: number | undefined }): AsyncIterable<readonly Committed[]>;
  /** The broker, opened at the first use; `app`: where something is published. @throws CliError where an option or a package is missing */
  bus(app?: App): Promise<Bus>;
  /** When the consumer's queue was made, epoch milliseconds; `said`: as the user says. @throws CliError where it is not there */
  queueCreated(consumer: string, said: number | undefined): Promise<number>;
  /** A runtime of which the broker hears. Absent: it hears of whatever is stored. @throws CliError where an option or a package is missing */
  runtime?(app: App): Promise<Runtime>;
  /** Absent: a queue gets every event from its first moment on. @throws CliError where a queue of that age may not */
  checkAge?(consumer: string, ageMs: number): void;
  close(): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The tools of a deployment whose broker holds what waits. */
export function createBrokerTools(ports: BrokerPorts): BrokerTools {
  const { system, journal, failures, places, scan, close } = ports;
  const bus: Pick<Bus, "send"> = { send: async (...args) => (await ports.bus()).send(...args) };
  return {
    journal,
    letters: createDeadLetters(failures, bus),
    // Each question reads the whole table.
    idsMax: 100_000,
    records: scan,
    entityHint: () => "",
    consumers: async () => undefined,
    async send(consumer, messages) {
      const parcels = messages.map(({ name, body = "", attributes }) => ({
        id: name,
        body,
        // Text that `queued` wrote.
        attributes: {
          ...(JSON.parse(attributes ?? "{}") as { readonly [name: string]: string }),
          [idAttribute]: name,
        },
      }));
      return sendAll(bus, consumer, parcels, pause);
    },
    async replay(request, { app: named }) {
      const app = await loadApp(findAppFile(named));
      subscriptionOf(app, request.subscription);
      const report = progress("events");
      const pages = scan({ entity: request.entity, since: request.since });
      const done = await replayInto({ app, journal, bus, pages, pause, report }, request).finally(report);
      return { kind: "queued", ...done };
    },
    async relay(app, since) {
      const report = progress("records");
      const all = { app, bus: await ports.bus(app), journal, failures, system, pages: scan({ since }), pause, report };
      return relayAll(all).finally(report);
    },
    async backfill(app, { subscription, now, created: said }) {
      const before = new Map<string, number>();
      const open: SubscriptionDefinition[] = [];
      for (const definition of beginning(app, subscription)) {
        const consumer = subscriptionName(definition.name);
        const [at = 0, created] = await Promise.all([places.backfilled(consumer), ports.queueCreated(consumer, said)]);
        // A queue that is younger is another one: the subscription was away meanwhile.
        if (at > created) {
          before.set(definition.name, at);
          continue;
        }
        if (!now) ports.checkAge?.(consumer, system.now() - created);
        open.push(definition);
      }
      if (open.length === 0) return { streams: new Map(), before };
      const report = progress("records");
      const all = { app, journal, bus, places, pages: scan({}), now: system.now, pause, report };
      return { streams: await backfillInto(all, open).finally(report), before };
    },
    runtime: ports.runtime ?? (async (app) => createRuntime(app, { journal, system })),
    blank: failures.blank,
    close,
  };
}
