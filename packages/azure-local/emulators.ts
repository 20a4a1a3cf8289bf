import {
  type Clock,
  type Faults,
  type ServiceBus,
  type ServiceBusConfig,
  startServiceBus,
} from "@holdfast/service-bus-emulator";
import { startTables, type Tables } from "@holdfast/tables-emulator";

export interface Emulators {
  readonly tables: Tables;
  readonly serviceBus: ServiceBus;
  /** Ends them, and what they hold is gone. */
  stop(): Promise<void>;
}

/**
 * Starts Table storage and Service Bus on free ports of the loopback interface, in memory.
 * @param clock of the broker; default: this process's
 * @param faults of the broker: what is to go wrong; default: nothing
 */
export async function startEmulators(entities: ServiceBusConfig, clock?: Clock, faults?: Faults): Promise<Emulators> {
  const options = { ...entities, ...(clock && { clock }), ...(faults && { faults }) };
  const [tables, serviceBus] = await Promise.all([startTables(), startServiceBus(options)]);
  return {
    tables,
    serviceBus,
    async stop() {
      await Promise.all([serviceBus.stop(), tables.stop()]);
    },
  };
}
