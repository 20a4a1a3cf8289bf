/** The topic's name, behind whatever prefix a deployment gives its own. */
export const topicName = "events";

/** The subscription of the topic that a consumer reads; undefined for consumers that read a queue. At most 40 characters. */
export function subscriptionOf(consumer: string): string | undefined {
  return consumer.startsWith("subscription:") ? consumer.slice("subscription:".length) : undefined;
}

/** The name of a consumer's queue: `sends`, `timers`, `wakeups`, `queue-imports`. At most 46 characters; Service Bus allows 260. */
export function queueName(consumer: string): string {
  return consumer.replace(":", "-");
}
