import type { TableClient } from "@azure/data-tables";
import type { ServiceBusAdministrationClient } from "@azure/service-bus";
import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { System } from "../../core/runtime/system.ts";
import { createIdentity, openServiceBus, openTable } from "../../azure/functions/clients.ts";
import { type Access, places, type Place } from "../../azure/functions/environment.ts";
import { subscriptionOf, topicName } from "../../azure/service-bus/names.ts";
import { CliError, messageOf } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { loaded } from "./packages.ts";

/** What the commands use of Azure, loaded when they do: who has no Azure SDK never loads it. */
export interface AzureClients {
  readonly table: TableClient;
  /** The broker; `app`: where something is published. @throws CliError where an option or a package is missing */
  bus(app?: App): Promise<Bus>;
  /** When the consumer's subscription was made, epoch milliseconds. @throws CliError */
  queueCreated(consumer: string): Promise<number>;
  close(): Promise<void>;
}

const sdk = { target: "azure", name: "the Azure SDK", scope: /@azure\// };
const packages = ["@azure/data-tables", "@azure/identity", "@azure/service-bus"];

/** Of one question to the namespace's management, the SDK's retries included, milliseconds. */
const askMs = 20_000;

/** Clients with the user's own credentials, as the SDK finds them (`az login`), or connection strings. */
export async function azureClients(options: TargetOptions, system: System): Promise<AzureClients> {
  const { prefix = "" } = options;
  const identity = checked(createIdentity());
  const tables = accessOf(places.tables, options.tableUrl, "the table: --table-url <url>");
  const table = await opened(places.tables, () => openTable(tables, options.table || "journal", identity));
  let made: { readonly bus: Promise<Bus>; close(): Promise<void> } | undefined;

  const namespace = (): Access =>
    accessOf(places.serviceBus, options.serviceBus, "the Service Bus namespace: --service-bus <host>");

  async function openBus(app: App | undefined): Promise<NonNullable<typeof made>> {
    const access = namespace();
    const { createServiceBusBus } = await loaded(sdk, packages, () => import("../../azure/service-bus/bus.ts"));
    const client = await opened(places.serviceBus, () => openServiceBus(access, identity));
    return { };
  }

  return {
    table,
    bus: (app) => (bus ??= openBus(app)),
  };
}
