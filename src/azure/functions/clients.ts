import type { TokenCredential } from "@azure/identity";
import type { TableClient } from "@azure/data-tables";
import type { ServiceBusClient } from "@azure/service-bus";
import { HoldfastError } from "../../core/errors.ts";
import type { Access, Environment } from "./environment.ts";

/** Clients of both services; whoever has asked for them closes them. */
export interface Clients {
  readonly tables: TableClient;
  readonly serviceBus: ServiceBusClient;
}

/**
 * Clients as the environment says: with the identity of the function app, or of whoever is logged in (`az login`), or by
 * connection strings.
 */
export async function openClients({ tables, table, serviceBus }: Environment): Promise<Clients> {
  const [{ TableClient }, { ServiceBusClient }] = await Promise.all([
    import("@azure/data-tables"),
    import("@azure/service-bus"),
  ]);
  const credential = await credentialFor(tables, serviceBus);
  return {
    tables:
      "url" in tables
        ? new TableClient(tables.url, table, credential())
        : // What is not encrypted does not leave the machine: emulators.
          TableClient.fromConnectionString(tables.connection, table, { allowInsecureConnection: isLoopback(tables) }),
    serviceBus:
      "url" in serviceBus
        ? new ServiceBusClient(serviceBus.url, credential())
        : new ServiceBusClient(serviceBus.connection),
  };
}

/** Loaded only where an identity is needed. */
async function credentialFor(...places: readonly Access[]): Promise<() => TokenCredential> {
  if (places.every((place) => "connection" in place)) {
    return () => {
      throw new HoldfastError("internal", "A connection string needs no identity.");
    };
  }
  const { DefaultAzureCredential } = await import("@azure/identity");
  const credential = new DefaultAzureCredential();
  return () => credential;
}

function isLoopback({ connection }: { readonly connection: string }): boolean {
  return /(?:^|;)(?:TableEndpoint=http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]|UseDevelopmentStorage=true)/i.test(
    connection,
  );
}
