import type { TableClient } from "@azure/data-tables";
import type { ServiceBusClient } from "@azure/service-bus";
import { createIdentity, type Identity, openServiceBus, openTable } from "../../azure/functions/clients.ts";
import { type Access, type Place, places, tableForm } from "../../azure/functions/environment.ts";
import { createServiceBusBus } from "../../azure/service-bus/bus.ts";
import { subscriptionOf, topicName } from "../../azure/service-bus/names.ts";
import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { System } from "../../core/runtime/system.ts";
import { CliError, messageOf } from "../cli-error.ts";
import type { TargetOptions } from "../options.ts";
import { checkThere, subscriptionCreated } from "./azure-subscriptions.ts";
import { loaded } from "./packages.ts";

/** What the commands use of Azure, loaded when they do: who has no Azure SDK never loads it. */
export interface AzureClients {
  readonly table: TableClient;
  /** The broker; `app`: where something is published. @throws CliError where an option or a package is missing */
  bus(app?: App): Promise<Bus>;
  /** When the consumer's subscription was made, epoch milliseconds: what was said, where it was. @throws CliError */
  queueCreated(consumer: string, said: number | undefined): Promise<number>;
  close(): Promise<void>;
}

const sdk = { target: "azure", name: "the Azure SDK", scope: /@azure\// };
const packages = ["@azure/data-tables", "@azure/identity", "@azure/service-bus"];

/** Whom the credentials are tried on, which all commands ask. Source: the scope that @azure/data-tables asks for. */
const storageScope = "https://storage.azure.com/.default";

/** Clients with the user's own credentials, as the SDK finds them (`az login`), or with connection strings. */
export async function azureClients(options: TargetOptions, system: System): Promise<AzureClients> {
  const { prefix = "" } = options;
  const topic = `${prefix}${topicName}`;
  const name = options.table || "journal";
  if (!tableForm.test(name)) {
    throw new CliError(`${JSON.stringify(name)} is no name of a table: 3 to 63 of A-Z, a-z, 0-9, first a letter.`, 2);
  }
  const identity = tried(createIdentity());
  const tables = accessOf(places.tables, options.tableUrl, "Name the table's account: --table-url <url>");
  const table = await made(places.tables, () => openTable(tables, name, identity));
  let opened: Promise<ServiceBusClient> | undefined;
  let bus: Promise<Bus> | undefined;

  const namespace = (): Access =>
    accessOf(places.serviceBus, options.serviceBus, "Name the Service Bus namespace: --service-bus <host>");

  async function serviceBus(): Promise<ServiceBusClient> {
    const access = namespace();
    return (opened ??= made(places.serviceBus, () => openServiceBus(access, identity)));
  }

  async function createBus(app: App | undefined): Promise<Bus> {
    const client = await serviceBus();
    // Without an app nothing is published.
    return createServiceBusBus({ client, prefix, app: app ?? { subscriptions: new Map() }, system });
  }

  return {
    table,
    bus: (app) => (bus ??= createBus(app)),
    async queueCreated(consumer, said) {
      const subscription = subscriptionOf(consumer) ?? consumer;
      if (said !== undefined) {
        await checkThere(await serviceBus(), topic, subscription);
        return said;
      }
      const access = namespace();
      const admin = await made(places.serviceBus, async () => {
        const { ServiceBusAdministrationClient: Admin } = await import("@azure/service-bus");
        return "url" in access ? new Admin(access.url, await identity()) : new Admin(access.connection);
      });
      return subscriptionCreated(admin, topic, subscription);
    },
    async close() {
      await (await opened)?.close();
    },
  };
}

/** The address that was named, else the connection string of the environment. @throws CliError with what is missing, or malformed */
function accessOf({ holds, url, connection }: Place, address: string | undefined, missing: string): Access {
  const [[variable, form], [connectionVariable, connectionForm]] = [url, connection];
  if (address) {
    if (form.test(address)) return { url: address };
    throw new CliError(`${JSON.stringify(address)} is not ${holds}.`, 2);
  }
  const text = process.env[connectionVariable];
  if (!text) {
    throw new CliError(
      `${missing}, or ${variable}, is ${holds}. (${connectionVariable}, a connection string, does.)`,
      2,
    );
  }
  if (connectionForm.test(text)) return { connection: text };
  throw new CliError(`${connectionVariable} is no connection string of that service.`, 2);
}

/** A client that the SDK does not refuse to make. @throws CliError that says which variables to look at */
async function made<Client>({ url, connection }: Place, make: () => Promise<Client>): Promise<Client> {
  try {
    return await loaded(sdk, packages, make);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${url[0]}, or ${connection[0]}, cannot be used: ${messageOf(error)}`, 2);
  }
}

/** Tried at the start: later on, it would look like a table that does not answer. */
function tried(identity: Identity): Identity {
  async function ask(): ReturnType<Identity> {
    const credential = await identity();
    await credential.getToken(storageScope).catch((error: unknown) => {
      const lines = messageOf(error).split("\n");
      // What the whole chain says fills a page.
      const line = lines.find((one) => one.includes("az login")) ?? lines[0];
      throw new CliError(`No Azure credentials: log in (az login), or set AZURE_TENANT_ID and so on (${line}).`, 2);
    });
    return credential;
  }
  let asked: ReturnType<Identity> | undefined;
  return () => (asked ??= ask());
}
