import { createSystem } from "../../core/runtime/system.ts";
import { CliError } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { awsClients } from "./aws-clients.ts";
import { createBrokerTools, type BrokerTools } from "./broker.ts";

/** How long SNS may take until a new filter policy is everywhere, milliseconds. Source: the SNS developer guide. */
const filterMs = 15 * 60_000;

/** Opens a deployment on AWS with the user's own credentials. */
export async function openAws(options: TargetOptions): Promise<BrokerTools> {
  const { table } = options;
  if (!table) throw new CliError("Name the table: --table <name>, or HOLDFAST_TABLE.", 2);
  const system = createSystem();
  const clients = await awsClients(options, system);
  // Behind the clients, which say what is missing.
  const { createDynamoFailures, createDynamoJournal, createDynamoPlaces, scanRecords } = await import(
    "../../aws/dynamodb/index.ts"
  );
  const dynamo = { client: clients.dynamo, table, system };
  return createBrokerTools({
    system,
    journal: createDynamoJournal(dynamo),
    failures: createDynamoFailures(dynamo),
    places: createDynamoPlaces(dynamo),
    scan: (range) => scanRecords(dynamo, range),
    bus: clients.bus,
    queueCreated: clients.queueCreated,
    checkAge,
    close: async () => clients.destroy(),
  });
}

function checkAge(consumer: string, ageMs: number): void {
  if (ageMs >= filterMs) return;
  const leftMin = Math.ceil((filterMs - ageMs) / 60_000);
  throw new CliError(
    `The queue of ${consumer} is ${Math.floor(ageMs / 60_000)} minutes old. SNS may take 15 minutes until a new subscription gets every event: run this again in ${leftMin} minutes, or say --now where nothing is committed in that time.`,
  );
}
