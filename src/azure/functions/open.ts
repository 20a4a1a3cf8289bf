import type { App } from "../../core/app.ts";
import type { System } from "../../core/runtime/system.ts";
import { createServiceBusBus } from "../service-bus/bus.ts";
import { createTablesFailures } from "../tables/failures.ts";
import { createMarkedTablesJournal } from "../tables/journal.ts";
import { createTablesPlaces } from "../tables/places.ts";
import { openClients } from "./clients.ts";
import type { Environment } from "./environment.ts";
import type { InstancePorts } from "./instance.ts";

/** The ports of an instance on Azure, as the environment says. */
export async function openPorts(
  app: App,
  environment: Environment,
  system: System,
): Promise<Omit<InstancePorts, "services">> {
  const { tables: client, serviceBus } = await openClients(environment);
  return {
    journal: createMarkedTablesJournal({ client, system }),
    failures: createTablesFailures({ client, system }),
    places: createTablesPlaces({ client, system }),
    bus: createServiceBusBus({ client: serviceBus, app, prefix: environment.prefix, system }),
  };
}
