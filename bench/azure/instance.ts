import type { TableClient } from "@azure/data-tables";
import type { ServiceBusClient } from "@azure/service-bus";
import { createSystem, silentLogger, type App, type System } from "holdfast";
import { createServiceBusBus } from "holdfast/azure/service-bus";
import { createMarkedTablesJournal, createTablesFailures, createTablesPlaces } from "holdfast/azure/tables";
import { createInstance, type Instance } from "./internals.ts";

export const system: System = createSystem({ log: silentLogger });

/** For how long a wake-up covers an entity, milliseconds (`coverMs` of core/broker/wake-ups.ts). */
export const coverMs = 30_000;

/** A system whose clock can be put forward. */
export interface JumpingSystem extends System {
  jump(ms: number): void;
}

export function createJumpingSystem(): JumpingSystem {
  let ahead = 0;
  return {
    ...system,
    now: () => system.now() + ahead,
    jump(ms) {
      ahead += ms;
    },
  };
}

export interface Deployment {
  readonly app: App;
  readonly prefix: string;
  readonly table: TableClient;
  readonly serviceBus: ServiceBusClient;
  readonly system: System;
}

export type InstanceBus = ReturnType<typeof createServiceBusBus>;

/** The running app as the function app's process has it: both real SDKs. `around`: what is put around its bus. */
export function openInstance(
  { app, prefix, table: client, serviceBus, system: own }: Deployment,
  around: (bus: InstanceBus) => InstanceBus = (bus) => bus,
): Instance {
  const tables = { client, system: own };
  const ports = {
    journal: createMarkedTablesJournal(tables),
    failures: createTablesFailures(tables),
    places: createTablesPlaces(tables),
    bus: around(createServiceBusBus({ client: serviceBus, app, prefix, system: own })),
  };
  return createInstance(app, ports, { system: own });
}
