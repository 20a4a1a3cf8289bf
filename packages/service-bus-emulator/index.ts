import { randomUUID } from "node:crypto";
import { listen } from "./amqp/server.ts";
import { type Clock, realClock } from "./clock.ts";
import { checkConfig, checkSubscription, type ServiceBusConfig } from "./config.ts";
import { type Counted, createOperations, type Faults } from "./operations.ts";
import { createNamespace } from "./store/namespace.ts";
import type { SubscriptionOptions } from "./store/options.ts";
import type { Rule } from "./store/rules.ts";
import type { Topic } from "./store/topic.ts";
import { type MessageView, viewsOf } from "./view.ts";

export { type Clock, createManualClock, type ManualClock } from "./clock.ts";
export { conditions } from "./conditions.ts";
export { checkConfig, type ServiceBusConfig } from "./config.ts";
export type { Counted, Fault, Faults, Operation, OperationKind } from "./operations.ts";
export { compileSql, quoteSql, quoteSqlName } from "./sql/index.ts";
export type { QueueOptions, SubscriptionOptions, TopicOptions } from "./store/options.ts";
export type { CorrelationFilter, Rule } from "./store/rules.ts";
export type { MessageView } from "./view.ts";

export interface ServiceBusOptions extends ServiceBusConfig {
  /** Default: this process's. */
  readonly clock?: Clock;
  /** Asked before each operation what is to go wrong. Default: nothing. */
  readonly faults?: Faults;
}

/** A broker of this process's own, in memory. */
export interface ServiceBus {
  /** For `new ServiceBusClient(...)`. */
  readonly connectionString: string;
  readonly port: number;
  /**
   * All that a queue, a subscription (`topic/Subscriptions/name`) or a topic (what is scheduled) holds: locked, deferred
   * and scheduled messages too, and the dead ones last. Changes nothing.
   * @throws a refusal when there is no such entity.
   */
  messages(entity: string): readonly MessageView[];
  /**
   * Whether whoever receives now, from that session or from a queue or subscription without one, would get a message at once;
   * where it has sessions and none is named: whether whoever accepts the next one would get it at once.
   * @throws a refusal when there is no such entity.
   */
  isWaiting(entity: string, sessionId?: string): boolean;
  /** How often clients have asked for what, since the start or the last reset. */
  operations(): Readonly<Partial<Record<Counted, number>>>;
  resetOperations(): void;
  /** @throws when the topic does not exist, the name is taken, or an option not valid. */
  addSubscription(topic: string, name: string, options?: SubscriptionOptions): void;
  /** Its messages are gone with it; who receives from it gets nothing more. Repeatable. */
  removeSubscription(topic: string, name: string): void;
  /** In the place of all its rules. Messages that are there stay. */
  setRules(topic: string, subscription: string, rules: Readonly<Record<string, Rule>>): void;
  /** Cuts all connections, as a network does; clients may connect again. */
  cutConnections(): void;
  /** Ends it, and its messages are gone. Repeatable. */
  stop(): Promise<void>;
}

/**
 * Starts a broker on the loopback interface that speaks AMQP 1.0 as far as `@azure/service-bus` does.
 * @throws TypeError when an option is not valid; a refusal when a filter is not.
 */
export async function startServiceBus(options: ServiceBusOptions): Promise<ServiceBus> {
  const { clock = realClock, faults, ...given } = options;
  const { queues = {}, topics = {}, host = "127.0.0.1", port = 0 } = checkConfig(given);
  const operations = createOperations(clock, faults);
  const newId = randomUUID;
  const filtersEvaluated = (count: number): void => operations.count("filter", count);
  const namespace = createNamespace({ clock, newId, filtersEvaluated }, { queues, topics });
  const server = await listen({ namespace, operations, clock, newId }, host, port);
  let stopped: Promise<void> | undefined;

  function topicOf(name: string): Topic {
    const { topic } = namespace.find(name);
    if (!topic) throw new TypeError(`'${name}' is a queue: it has no subscriptions.`);
    return topic;
  }

  function isWaiting(entity: string, sessionId?: string): boolean {
    const { queue } = namespace.find(entity);
    const { sessions, lane } = queue ?? {};
    if (!sessions) return (lane?.line.size ?? 0) > 0;
    if (sessionId !== undefined) return sessions.lane(sessionId).line.size > 0;
    return sessions.ids().some((id) => !sessions.holder(id) && sessions.lane(id).line.size > 0);
  }

  async function stop(): Promise<void> {
    await server.stop();
    namespace.close();
  }

  return {
    connectionString: `Endpoint=sb://${host}:${server.port};SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true`,
    port: server.port,
    messages: (entity) => viewsOf(namespace.find(entity)),
    isWaiting,
    operations: operations.counts,
    resetOperations: operations.reset,
    addSubscription(topic, name, subscriptionOptions = {}) {
      checkSubscription(subscriptionOptions, "options");
      topicOf(topic).addSubscription(name, subscriptionOptions);
    },
    removeSubscription: (topic, name) => topicOf(topic).removeSubscription(name),
    setRules: (topic, subscription, rules) => topicOf(topic).subscription(subscription).setRules(rules),
    cutConnections: server.cut,
    stop: () => (stopped ??= stop()),
  };
}
