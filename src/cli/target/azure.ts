import { createMarks } from "../../core/broker/marks.ts";
import { createOutboxJournal } from "../../core/broker/wake-ups.ts";
import { createSystem } from "../../core/runtime/system.ts";
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
  const journal = createOutboxJournal({
    journal: createMarkedTablesJournal(tables),
    bus: { send: async (...args) => (await bus()).send(...args) },
    marks: createMarks(),
    system,
    // What a tool appends keeps how far its stream is published. Were there news in it, its wake-up would publish them.
    publish: () => {},
  });
  return createBrokerTools({
    system,
    journal,
    failures: createTablesFailures(tables),
    places: createTablesPlaces(tables),
    scan: (range) => joined(scanRecords(tables, range), pageRecords),
    bus,
    queueCreated,
    // A subscription gets every event once its deployment has ended; there is no age to wait for.
    close,
  });
}
