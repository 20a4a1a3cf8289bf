import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { ServiceBusClient } from "@azure/service-bus";
import { entitiesOf } from "@holdfast/azure-local";
import type { ServiceBusConfig } from "@holdfast/service-bus-emulator";
import { startTables, type Tables } from "@holdfast/tables-emulator";
import { azurePlan } from "holdfast/azure/plan";
import type { Bench, Shared } from "../harness.ts";
import { bareTopic, deployments } from "./apps.ts";

/** Table storage and Service Bus in processes of their own, for all sides of all benchmarks of a run. */
export interface Azure {
  /** Makes a table. */
  table(name: string): Promise<void>;
  /** A client of a table with the SDK's own settings; each side has one. */
  tableClient(name: string): TableClient;
  /** A client of the namespace, which has topic, subscriptions and queues of each deployment. */
  serviceBusClient(): ServiceBusClient;
}

/** A client of a table of the emulator. */
export function clientOf({ endpoint, account, key }: Tables, table: string): TableClient {
  return new TableClient(endpoint, table, new AzureNamedKeyCredential(account, key), { allowInsecureConnection: true });
}

/** The entities of all deployments, as the template has them, and a topic for the raw SDK, which is like theirs. */
export function entities(): ServiceBusConfig {
  const all = Object.values(deployments).map(({ app, prefix }) => entitiesOf(azurePlan(app), { prefix }));
  const bare = { duplicateDetectionWindowMs: 600_000, subscriptions: { all: { requiresSession: true } } };
  return {
    queues: Object.fromEntries(all.flatMap(({ queues = {} }) => Object.entries(queues))),
    topics: { ...Object.fromEntries(all.flatMap(({ topics = {} }) => Object.entries(topics))), [bareTopic]: bare },
  };
}

export async function openAzure(bench: Bench): Promise<Shared<Azure>> {
  bench.progress("the emulators");
  const [tables, broker] = await Promise.all([startTables(), startBroker(bench.folder)]);
  const clients: ServiceBusClient[] = [];
  return {
    value: {
      async table(name) {
        await clientOf(tables, name).createTable();
      },
      tableClient: (name) => clientOf(tables, name),
      serviceBusClient() {
        const client = new ServiceBusClient(broker.connectionString);
        clients.push(client);
        return client;
      },
    },
    async close() {
      // The broker first: clients wait for whatever they have asked it for.
      await Promise.all([tables.stop(), broker.stop()]);
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** Ends a process whose parent is gone, however it went: its end of the pipe is closed then. */
const endWithParent = `data:text/javascript,${encodeURIComponent(
  'process.stdin.resume().once("close", () => process.exit());',
)}`;

interface Broker {
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** @throws Error where it does not start */
async function startBroker(folder: string): Promise<Broker> {
  const config = join(folder, "service-bus.json");
  writeFileSync(config, JSON.stringify(entities()));
  const main = fileURLToPath(new URL("main.ts", import.meta.resolve("@holdfast/service-bus-emulator")));
  const args = ["--import", endWithParent, main, config];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit");
  // It is piped.
  const lines = createInterface(child.stdout as NodeJS.ReadableStream & AsyncIterable<Buffer>);
  const line = await Promise.race([once(lines, "line"), ended.then(() => undefined)]);
  if (line === undefined) throw new Error("The emulator of Service Bus did not start; it says above why.");
  return {
    connectionString: String(line[0]),
    async stop() {
      process.off("exit", kill);
      child.kill();
      await ended;
    },
  };
}
