import type { TokenCredential } from "@azure/identity";
import type { TableClient } from "@azure/data-tables";
import type { RetryOptions, ServiceBusClient } from "@azure/service-bus";
import type { Access, Environment } from "./environment.ts";

/**
 * How often the client of Service Bus tries again by itself, and how long it waits before it does. Its own defaults wait for
 * 30 s, longer than a request may take: who asks would hear of a time-out, and never of a second attempt.
 * Source: core-amqp, retry.ts and constants.ts
 */
const retryOptions: RetryOptions = { maxRetries: 2, retryDelayInMs: 500 };

/** Clients of both services; whoever has asked for them closes them. */
export interface Clients {
  readonly tables: TableClient;
  readonly serviceBus: ServiceBusClient;
}

/** Who asks: made, and its package loaded, only where a place has no connection string. */
export type Identity = () => Promise<TokenCredential>;

/**
 * Clients as the environment says: with the identity of the function app, or of whoever is logged in (`az login`), or by
 * connection strings.
 */
export async function openClients({ tables, table, serviceBus }: Environment): Promise<Clients> {
  const identity = createIdentity();
  const [client, messages] = await Promise.all([
    openTable(tables, table, identity),
    openServiceBus(serviceBus, identity),
  ]);
  return { tables: client, serviceBus: messages };
}

/** The function app's own, or that of whoever is logged in; one for all that ask. */
export function createIdentity(): Identity {
  let made: Promise<TokenCredential> | undefined;
  return () => (made ??= import("@azure/identity").then(({ DefaultAzureCredential }) => new DefaultAzureCredential()));
}

/** A client of the table. Nothing is asked yet. */
export async function openTable(access: Access, table: string, identity: Identity): Promise<TableClient> {
  const { TableClient } = await import("@azure/data-tables");
  if ("url" in access) return new TableClient(access.url, table, await identity());
  // What is not encrypted does not leave the machine: emulators.
  return TableClient.fromConnectionString(access.connection, table, { allowInsecureConnection: isLoopback(access) });
}

/** A client of the namespace; it connects at the first use. */
export async function openServiceBus(access: Access, identity: Identity): Promise<ServiceBusClient> {
  const { ServiceBusClient } = await import("@azure/service-bus");
  if ("url" in access) return new ServiceBusClient(access.url, await identity(), { retryOptions });
  return new ServiceBusClient(access.connection, { retryOptions });
}

function isLoopback({ connection }: { readonly connection: string }): boolean {
  return /(?:^|;)(?:TableEndpoint=http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]|UseDevelopmentStorage=true)/i.test(
    connection,
  );
}
