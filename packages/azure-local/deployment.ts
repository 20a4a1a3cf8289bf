import { TableClient } from "@azure/data-tables";
import type {
  Clock,
  Faults,
  QueueOptions,
  ServiceBusConfig,
  SubscriptionOptions,
} from "@holdfast/service-bus-emulator";
import type { AzurePlan } from "../../functions/azure/plan.ts";
import { type Emulators, startEmulators } from "./emulators.ts";

export interface DeployOptions {
  /** What the names of topic and queues begin with. Default: nothing. */
  readonly prefix?: string;
  /** Instead of the plan's: how soon a message comes again whose function has died. */
  readonly lockSeconds?: number;
  /** Of the broker. Default: this process's. */
  readonly clock?: Clock;
  /** Of the broker: what is to go wrong. Default: nothing. */
  readonly faults?: Faults;
}

/** The resources of a plan, made in emulators. */
export interface Deployment {
  readonly emulators: Emulators;
  /** Of the functions. */
  readonly environment: { readonly [name: string]: string };
  /** By consumer (`sends`, `queue:imports`): the queue's name with its prefix. */
  readonly queues: ReadonlyMap<string, string>;
}

const table = "journal";

/** As infra/azure says it. */
const deliveriesMax = 2_000;

/** Starts the emulators with the topic, its subscriptions with their rules, and the queues; makes the table. */
export async function deploy(plan: AzurePlan, options: DeployOptions = {}): Promise<Deployment> {
  const { prefix = "" } = options;
  const emulators = await startEmulators(entitiesOf(plan, options), options.clock, options.faults);
  const connection = connectionString(emulators);
  await TableClient.fromConnectionString(connection, table, { allowInsecureConnection: true }).createTable();
  return {
    emulators,
    queues: new Map(plan.queues.map(({ consumer, name }) => [consumer, `${prefix}${name}`])),
    environment: {
      HOLDFAST_TABLE_CONNECTION: connection,
      HOLDFAST_TABLE: table,
      HOLDFAST_SERVICEBUS: emulators.serviceBus.connectionString,
      ...(prefix !== "" && { HOLDFAST_PREFIX: prefix }),
    },
  };
}

/** The broker's entities, as the template has them. */
export function entitiesOf(plan: AzurePlan, { prefix = "", lockSeconds }: DeployOptions = {}): ServiceBusConfig {
  const remembers = { duplicateDetectionWindowMs: plan.duplicateSeconds * 1_000 };
  const receiving = (planned: { readonly lockSeconds: number }, requiresSession: boolean) => ({
    requiresSession,
    lockDurationMs: (lockSeconds ?? planned.lockSeconds) * 1_000,
    maxDeliveryCount: deliveriesMax,
    deadLetterOnExpiration: true,
  });
  const subscriptions = plan.subscriptions.map((one): readonly [string, SubscriptionOptions] => [
    one.name,
    { ...receiving(one, true), rules: Object.fromEntries(one.rules.map(({ name, sql }) => [name, { sql }])) },
  ]);
  const queues = plan.queues.map((queue): readonly [string, QueueOptions] => [
    `${prefix}${queue.name}`,
    { ...receiving(queue, queue.ordered), ...(queue.ordered && remembers) },
  ]);
  return {
    queues: Object.fromEntries(queues),
    topics: { [`${prefix}${plan.topic}`]: { ...remembers, subscriptions: Object.fromEntries(subscriptions) } },
  };
}

function connectionString({ tables: { account, key, endpoint } }: Emulators): string {
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};TableEndpoint=${endpoint};`;
}
