import type { App } from "../core/app.ts";
import type { Bus, Parcel, Publication } from "../core/broker/bus.ts";
import type { Message, Outcome } from "../core/broker/receive.ts";
import { subscriptionName } from "../core/delivery/subscriptions.ts";
import type { SubscriptionDefinition } from "../core/messaging/definition.ts";
import { matches } from "../core/messaging/filter.ts";
import { streamKey } from "../core/runtime/live.ts";

/** A broker in this process's memory: a topic, a queue per consumer, those of `sends` and subscriptions with an order. */
export interface MemoryBroker extends Bus {
  /**
   * Hands out up to `limit` messages that may be handed out at `now`, and hides them for `hideMs`: of a group with an
   * order nothing while one of it is hidden.
   */
  receive(
    consumer: string,
    how: { readonly now: number; readonly limit: number; readonly hideMs: number },
  ): readonly Message[];
  /** Does what a receiver has said of a message, unless that was handed out once more since. */
  settle(consumer: string, message: Message, outcome: Outcome, now: number): void;
  /** When a message of the queue may be handed out next; Infinity: there is none. */
  nextAt(consumer: string, now: number): number;
  /** All messages of the queue, hidden or not, and when each may be handed out, epoch milliseconds. */
  waiting(consumer: string): readonly { readonly message: Message; readonly visibleAt: number }[];
  /** From now on, what is published reaches the app's subscriptions. Answers which of them are new. */
  subscribe(app: App): readonly SubscriptionDefinition[];
  /** Calls back after something was put into a queue. Returns the way to stop. */
  watch(listener: (consumer: string) => void): () => void;
}

interface Waiting {
  readonly message: Omit<Message, "receives">;
  receives: number;
  visibleAt: number;
}

/** Parcels with that id that came within five minutes are one, as brokers have it. */
const duplicateMs = 300_000;

export function createMemoryBroker(now: () => number): MemoryBroker {
  const subscriptions = new Map<string, SubscriptionDefinition>();
  /** By group, or by itself. */
  const queues = new Map<string, Map<string, Waiting[]>>();
  const known = new Map<string, number>();
  const listeners = new Set<(consumer: string) => void>();
  let lastId = 0;

  function queueOf(consumer: string): Map<string, Waiting[]> {
    const queue = queues.get(consumer) ?? new Map<string, Waiting[]>();
    queues.set(consumer, queue);
    return queue;
  }

  function put(consumer: string, { id, stream, body, attributes = {}, notBefore }: Parcel): void {
    const sent = now();
    const hasOrder = stream !== undefined;
    const sameAs = `${consumer} ${id}`;
    if (hasOrder && sent - (known.get(sameAs) ?? -Infinity) < duplicateMs) return;
    known.set(sameAs, sent);
    const group = hasOrder ? streamKey(stream) : undefined;
    const message = { id: `m${++lastId}`, body, attributes, sent, group };
    const waiting = { message, receives: 0, visibleAt: notBefore ?? 0 };
    const queue = queueOf(consumer);
    const others = queue.get(group ?? message.id);
    if (others) others.push(waiting);
    else queue.set(group ?? message.id, [waiting]);
  }

  function notify(consumers: ReadonlySet<string>): void {
    for (const consumer of consumers) for (const listener of listeners) listener(consumer);
  }

  /** What may be handed out at that time. */
  function* ready(consumer: string, at: number): Generator<Waiting> {
    for (const group of queueOf(consumer).values()) if (readyAt(group) <= at) yield* group;
  }

  /** When none of a group is hidden. */
  function readyAt(group: readonly Waiting[]): number {
    return group.reduce((latest, { visibleAt }) => Math.max(latest, visibleAt), 0);
  }

  function wants(name: string, { type, fields }: Publication): boolean {
    const [entity = "", event = ""] = type.split(".");
    const filters = subscriptions.get(name)?.wants.get(entity)?.get(event) ?? [];
    if (fields === undefined) return filters.length > 0;
    const data = Object.fromEntries(fields);
    return filters.some((filter) => matches(filter, data));
  }

  return {
    async publish(events) {
      const consumers = new Set<string>();
      for (const event of events) {
        for (const name of subscriptions.keys()) {
          if (!wants(name, event)) continue;
          put(subscriptionName(name), event);
          consumers.add(subscriptionName(name));
        }
      }
      notify(consumers);
      return events.map(() => undefined);
    },
    async send(consumer, messages) {
      for (const message of messages) put(consumer, message);
      notify(new Set([consumer]));
      return messages.map(() => undefined);
    },
    receive(consumer, { now: at, limit, hideMs }) {
      const handed: Waiting[] = [];
      for (const waiting of ready(consumer, at)) {
        if (handed.length === limit) break;
        handed.push(waiting);
      }
      return handed.map((waiting) => {
        waiting.receives++;
        waiting.visibleAt = at + hideMs;
        return { ...waiting.message, receives: waiting.receives };
      });
    },
    settle(consumer, { id, group: key = id, receives }, outcome, at) {
      const queue = queueOf(consumer);
      const group = queue.get(key) ?? [];
      const i = group.findIndex(({ message }) => message.id === id);
      const waiting = group[i];
      if (waiting === undefined || waiting.receives !== receives) return;
      if (outcome.kind === "again") waiting.visibleAt = at + outcome.delayMs;
      else if (group.length > 1) group.splice(i, 1);
      else queue.delete(key);
    },
    nextAt(consumer, at) {
      let next = Infinity;
      for (const group of queueOf(consumer).values()) next = Math.min(next, Math.max(at, readyAt(group)));
      return next;
    },
    waiting: (consumer) =>
      [...queueOf(consumer).values()].flatMap((group) =>
        group.map(({ message, receives, visibleAt }) => ({ message: { ...message, receives }, visibleAt })),
      ),
    subscribe(app) {
      const added = [...app.subscriptions.values()].filter(({ name }) => !subscriptions.has(name));
      for (const definition of app.subscriptions.values()) subscriptions.set(definition.name, definition);
      return added;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
