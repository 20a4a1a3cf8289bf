import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import { createDeadLetters } from "../../core/broker/redrive.ts";
import { idAttribute } from "../../core/broker/receive.ts";
import { createSystem } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { progress } from "../output.ts";
import { awsClients } from "./aws-clients.ts";
import { relayAll, type RelayDone } from "./relay.ts";
import { replayInto, subscriptionOf } from "./replay.ts";
import { sendAll } from "./send-all.ts";
import type { Tools } from "./tools.ts";

/** What a deployment on AWS has besides. */
export interface AwsTools extends Tools {
  /** Publishes once more what was committed since that time, epoch milliseconds. Shows how far it is. */
  relay(app: App, since: number): Promise<RelayDone>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens a deployment on AWS with the user's own credentials. */
export async function openAws(options: TargetOptions): Promise<AwsTools> {
  const { table } = options;
  if (!table) throw new CliError("Name the table: --table <name>, or HOLDFAST_TABLE.", 2);
  const system = createSystem();
  const clients = await awsClients(options, system);
  // Behind the clients, which say what is missing.
  const { createDynamoFailures, createDynamoJournal, scanRecords } = await import("../../aws/dynamodb/index.ts");
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
    blank: (stream) => failures.blank(stream),
    close: async () => clients.destroy(),
  };
}
