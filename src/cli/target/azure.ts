import { createInstance, type InstancePorts } from "../../azure/functions/instance.ts";
import type { App } from "../../core/app.ts";
import { createMarks } from "../../core/broker/marks.ts";
import { createOutboxJournal } from "../../core/broker/wake-ups.ts";
import type { Runtime } from "../../core/runtime/runtime.ts";
import { createSystem, type System } from "../../core/runtime/system.ts";
import { messageOf } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { azureClients } from "./azure-clients.ts";
import { createBrokerTools, type BrokerTools } from "./broker.ts";
import { joined } from "./pages.ts";

/** Records that are worked on at once, of all streams: a stream's own are few, and each round asks the broker. */
const pageRecords = 500;

/** Opens a deployment on Azure with the user's own credentials, or with connection strings. */
export async function openAzure(options: TargetOptions): Promise<BrokerTools> {
  const system = createSystem();
  const { table, bus, queueCreated, close } = await azureClients(options, system);
  // Behind the clients, which say what is missing.
  const { createMarkedTablesJournal, createTablesFailures, createTablesPlaces, scanRecords } = await import(
    "../../azure/tables/index.ts"
  );
  const tables = { client: table, system };
  const marked = createMarkedTablesJournal(tables);
  const [failures, places] = [createTablesFailures(tables), createTablesPlaces(tables)];
  const journal = createOutboxJournal({
    journal: marked,
    bus: { send: async (...args) => (await bus()).send(...args) },
    marks: createMarks(),
    system,
    // What a tool appends keeps how far its stream is published. Were there news in it, its wake-up would publish them.
    publish: () => {},
  });
  return createBrokerTools({
    system,
    journal,
    failures,
    places,
    scan: (range) => joined(scanRecords(tables, range), pageRecords),
    bus,
    queueCreated,
    runtime: async (app) => publishing(app, { journal: marked, bus: await bus(app), failures, places }, system),
    // A subscription gets every event once its deployment has ended; there is no age to wait for.
    close,
  });
}

/** A runtime that publishes what it has stored before it is closed, since nobody else does for as long as wake-ups wait. */
function publishing(app: App, ports: InstancePorts, system: System): Runtime {
  let failed: unknown;
  const noted = (fields: object): void => {
    if ("error" in fields) failed = fields.error;
  };
  const log = { ...system.log, warn: noted, error: noted };
  const { runtime, publisher } = createInstance(app, ports, { system: { ...system, log } });
  return {
    ...runtime,
    async close() {
      await runtime.close();
      await publisher.idle();
      if (failed === undefined) return;
      process.stderr.write(
        `It is stored, and not published yet (${messageOf(failed)}); its wake-up does that in two minutes.\n`,
      );
    },
  };
}
