import { setImmediate as macrotask } from "node:timers/promises";
import { TableClient, AzureNamedKeyCredential, type TableServiceClientOptions } from "@azure/data-tables";
import { ServiceBusClient } from "@azure/service-bus";
import { type Faults, type QueueOptions, type ServiceBus, startServiceBus } from "@holdfast/service-bus-emulator";
import type { Tables } from "@holdfast/tables-emulator";
import { azurePlan, type AzurePlan, type PlannedQueue } from "holdfast/azure/plan";
import { queueName, topicName } from "holdfast/azure/service-bus";
import type { App } from "../../../src/core/app.ts";
import { type BrokerClock, createBrokerClock } from "./clock.ts";
import { createTimers, type Timers } from "./timers.ts";
import type { Traffic } from "./traffic.ts";

/** What all instances of a case share: a table, a namespace, the platform's timers. */
export interface Deployment {
  readonly broker: ServiceBus;
  readonly clock: BrokerClock;
  readonly timers: Timers;
  /** A client of an instance's own. */
  tables(): TableClient;
  serviceBus(): ServiceBusClient;
  /**
   * Does something with a message of the broker's, one at a time: the client joins what settles messages within one turn of
   * the event loop into one, with the outcome of the first.
   */
  settle(settlement: () => Promise<void>): Promise<void>;
  /** Takes something from that queue or subscription, one instance at a time: what is there is there for one. */
  alone<T>(entity: string, work: () => Promise<T>): Promise<T>;
  /** Makes what the app needs and is not there; what it does not need stays. Answers which subscriptions are new. */
  deploy(app: App, now: number): ReadonlySet<string>;
  close(): Promise<void>;
}

/** Source: infra/azure/service-bus.ts */
const maxDeliveryCount = 2_000;

/** Queues that are there before an app that has a worker for them. */
const early: readonly PlannedQueue[] = [
  { consumer: "queue:imports", name: queueName("queue:imports"), ordered: false, lockSeconds: 60 },
];

let deployments = 0;

/**
 * @param app the first of the case's
 * @param faults what goes wrong at the broker
 */
export async function createDeployment(
  emulator: Tables,
  traffic: Traffic,
  app: App,
  startMs: number,
  faults: Faults = () => undefined,
): Promise<Deployment> {
  const table = `case${++deployments}`;
  const plan = azurePlan(app);
  const clock = createBrokerClock(startMs);
  const timers = createTimers();
  const broker = await startServiceBus({ clock: clock.clock, faults, ...entitiesOf(plan) });
  const clients: ServiceBusClient[] = [];
  const subscribed = new Set<string>();
  const turns = new Map<string, Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();

  const tables = (): TableClient => tableClient(emulator, table, traffic);
  await tables().createTable();
  return {
    broker,
    clock,
    timers,
    tables,
    serviceBus() {
      const client = new ServiceBusClient(broker.connectionString);
      clients.push(client);
      return client;
    },
    settle(settlement) {
      const turn = last.then(() => macrotask());
      last = turn;
      return turn.then(settlement);
    },
    alone(entity, work) {
      const turn = (turns.get(entity) ?? Promise.resolve()).then(work);
      turns.set(
        entity,
        turn.catch(() => {}),
      );
      return turn;
    },
    deploy(deployed, now) {
      const isNew = new Set<string>();
      for (const { name, lockSeconds, rules: planned } of azurePlan(deployed).subscriptions) {
        const rules = Object.fromEntries(planned.map((rule) => [rule.name, { sql: rule.sql }]));
        if (subscribed.has(name)) {
          broker.setRules(topicName, name, rules);
          continue;
        }
        const lockDurationMs = lockSeconds * 1_000;
        broker.addSubscription(topicName, name, { requiresSession: true, lockDurationMs, maxDeliveryCount, rules });
        subscribed.add(name);
        isNew.add(name);
      }
      timers.deploy(deployed, now);
      return isNew;
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await broker.stop();
      await tables().deleteTable();
    },
  };
}

function entitiesOf({ duplicateSeconds, queues }: AzurePlan) {
  const duplicateDetectionWindowMs = duplicateSeconds * 1_000;
  const optionsOf = ({ ordered, lockSeconds }: PlannedQueue): QueueOptions => ({
    maxDeliveryCount,
    lockDurationMs: lockSeconds * 1_000,
    ...(ordered && { requiresSession: true, duplicateDetectionWindowMs }),
  });
  return {
    queues: Object.fromEntries([...early, ...queues].map((queue) => [queue.name, optionsOf(queue)])),
    topics: { [topicName]: { duplicateDetectionWindowMs } },
  };
}

type Policy = NonNullable<TableServiceClientOptions["additionalPolicies"]>[number]["policy"];

function tableClient({ endpoint, account, key }: Tables, table: string, traffic: Traffic): TableClient {
  const policy: Policy = {
    name: "underWay",
    sendRequest: (request, next) => traffic.during(next(request)),
  };
  return new TableClient(endpoint, table, new AzureNamedKeyCredential(account, key), {
    allowInsecureConnection: true,
    additionalPolicies: [{ policy, position: "perCall" }],
  });
}
