import { entityNotFound } from "../conditions.ts";
import type { StoreContext } from "./context.ts";
import type { QueueOptions, TopicOptions } from "./options.ts";
import { createQueueWithDeadLetters, type Queue } from "./queue.ts";
import { createTopic, type Subscription, type Topic } from "./topic.ts";

/** What an address leads to: what can be sent to has `target`, what can be received from has `queue`. */
export interface Entity {
  readonly path: string;
  readonly target?: Pick<Topic, "send" | "cancelScheduled">;
  readonly queue?: Queue;
  readonly topic?: Topic;
  readonly subscription?: Subscription;
}

/** All queues and topics of one broker. Names are compared without regard to case. */
export interface Namespace {
  /**
   * `q`, `t`, `t/Subscriptions/s`, and the latter or a queue with `/$DeadLetterQueue` behind it.
   * @throws a refusal (`amqp:not-found`).
   */
  find(address: string): Entity;
  close(): void;
}

const deadLetterSuffix = /\/\$deadletterqueue$/iu;
const subscriptionAddress = /^(?<topic>.+)\/subscriptions\/(?<name>[^/]+)$/iu;

export function createNamespace(
  context: StoreContext,
  config: {
    readonly queues: Readonly<Record<string, QueueOptions>>;
    readonly topics: Readonly<Record<string, TopicOptions>>;
  },
): Namespace {
  const queues = new Map(
    Object.entries(config.queues).map(([name, options]) => [
      name.toLowerCase(),
      createQueueWithDeadLetters(context, name, options),
    ]),
  );
  const topics = new Map(
    Object.entries(config.topics).map(([name, options]) => [name.toLowerCase(), createTopic(context, name, options)]),
  );

  function topicOf(name: string): Topic {
    const topic = topics.get(name.toLowerCase());
    if (!topic) throw entityNotFound(name);
    return topic;
  }

  function find(address: string): Entity {
    if (deadLetterSuffix.test(address)) {
      const { queue: owner } = find(address.replace(deadLetterSuffix, ""));
      const queue = owner?.deadLetters;
      if (!queue) throw entityNotFound(address);
      return { path: queue.path, queue };
    }
    const { topic: topicName, name } = subscriptionAddress.exec(address)?.groups ?? {};
    if (topicName !== undefined && name !== undefined) {
      const subscription = topicOf(topicName).subscription(name);
      return { path: subscription.queue.path, queue: subscription.queue, subscription };
    }
    const queue = queues.get(address.toLowerCase());
    if (queue) return { path: queue.path, target: queue, queue };
    const topic = topicOf(address);
    return { path: topic.path, target: topic, topic };
  }

  return {
    find,
    close() {
      for (const entity of [...queues.values(), ...topics.values()]) entity.close();
    },
  };
}
