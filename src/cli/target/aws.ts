import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { createDeadLetters } from "../../core/broker/redrive.ts";
import { idAttribute } from "../../core/broker/receive.ts";
import { createSystem } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { progress } from "../output.ts";
import { awsClients } from "./aws-clients.ts";
import { backfillInto, beginning } from "./backfill.ts";
import { relayAll, type RelayDone } from "./relay.ts";
import { replayInto, subscriptionOf } from "./replay.ts";
import { sendAll } from "./send-all.ts";
import type { Tools } from "./tools.ts";

/** What a deployment on AWS has besides. */
export interface AwsTools extends Tools {
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
  /** Also where a queue is so new that SNS may not have its filter everywhere. */
  readonly now: boolean;
}

/** By the subscriptions' names. */
export interface BackfillDone {
  /** How many streams have older events that it wants. */
  readonly streams: ReadonlyMap<string, number>;
  /** Until when it was done before, epoch milliseconds. */
  readonly before: ReadonlyMap<string, number>;
}

/** How long SNS may take until a new filter policy is everywhere, milliseconds. Source: the SNS developer guide. */
const filterMs = 15 * 60_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens a deployment on AWS with the user's own credentials. */
export async function openAws(options: TargetOptions): Promise<AwsTools> {
  const { table } = options;
  if (!table) throw new CliError("Name the table: --table <name>, or HOLDFAST_TABLE.", 2);
  const system = createSystem();
  const clients = await awsClients(options, system);
  // Behind the clients, which say what is missing.
  const { createDynamoFailures, createDynamoJournal, createDynamoPlaces, scanRecords } = await import(
    "../../aws/dynamodb/index.ts"
  );
  const dynamo = { client: clients.dynamo, table, system };
  const journal = createDynamoJournal(dynamo);
  const failures = createDynamoFailures(dynamo);
  const bus: Bus["send"] = async (...args) => (await clients.bus()).send(...args);
  return {
    journal,
    letters: createDeadLetters(failures, { send: bus }),
    // Each question is a scan of the table.
    idsMax: 100_000,
    records: (range) => scanRecords(dynamo, range),
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
      return sendAll({ send: bus }, consumer, parcels, pause);
    },
    async replay(request, { app: named }) {
      const app = await loadApp(findAppFile(named));
      subscriptionOf(app, request.subscription);
      const report = progress("events");
      const pages = scanRecords(dynamo, { entity: request.entity, since: request.since });
      const ports = { app, journal, bus: { send: bus }, pages, pause, report };
      const done = await replayInto(ports, request).finally(report);
      return { kind: "queued", ...done };
    },
    async relay(app, since) {
      const report = progress("records");
      const pages = scanRecords(dynamo, { since });
      const ports = { app, bus: await clients.bus(app), journal, failures, system, pages, pause, report };
      return relayAll(ports).finally(report);
    },
    async backfill(app, { subscription, now }) {
      const places = createDynamoPlaces(dynamo);
      const before = new Map<string, number>();
      const open: SubscriptionDefinition[] = [];
      for (const definition of beginning(app, subscription)) {
        const consumer = subscriptionName(definition.name);
        const [at = 0, created] = await Promise.all([places.backfilled(consumer), clients.queueCreated(consumer)]);
        // A queue that is younger is another one: the subscription was away meanwhile.
        if (at > created) {
          before.set(definition.name, at);
          continue;
        }
        if (!now) checkAge(consumer, system.now() - created);
        open.push(definition);
      }
      if (open.length === 0) return { streams: new Map(), before };
      const report = progress("records");
      const pages = scanRecords(dynamo, {});
      const ports = { app, journal, bus: { send: bus }, places, pages, now: system.now, pause, report };
      return { streams: await backfillInto(ports, open).finally(report), before };
    },
    blank: (stream) => failures.blank(stream),
    close: async () => clients.destroy(),
  };
}

function checkAge(consumer: string, ageMs: number): void {
  if (ageMs >= filterMs) return;
  const leftMin = Math.ceil((filterMs - ageMs) / 60_000);
  throw new CliError(
    `The queue of ${consumer} is ${Math.floor(ageMs / 60_000)} minutes old. SNS may take 15 minutes until a new subscription gets every event: run this again in ${leftMin} minutes, or say --now where nothing is committed in that time.`,
  );
}
