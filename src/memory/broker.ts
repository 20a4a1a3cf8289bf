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
   * Hands out up to `limit` messages that may be handed out at `now`, and hides them for `hideMs`: of a group nothing while
   * one of it is hidden.
   */
  receive(
    consumer: string,
    how: { readonly now: number; readonly limit: number; readonly hideMs: number },
  ): readonly Message[];
  /** Does what a receiver has said of a message. */
  settle(consumer: string, message: Message, outcome: Outcome, now: number): void;
  /** When a message of the queue may be handed out next; Infinity: there is none. */
  nextAt(consumer: string, now: number): number;
  /** From now on, what is published reaches the app's subscriptions. Answers which of them are new. */
  subscribe(app: App): readonly SubscriptionDefinition[];
  /** Calls back after something was sent. Returns the way to stop. */
  watch(listener: () => void): () => void;
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
  const listeners = new Set<() => void>();
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

  function notify(): void {
    for (const listener of listeners) listener();
  }

  /** What may be handed out at that time: of each group the first ones, unless one before them is hidden. */
  function* ready(consumer: string, at: number): Generator<Waiting> {
    for (const group of queueOf(consumer).values()) {
      for (const waiting of group) {
        if (waiting.visibleAt > at) break;
        yield waiting;
      }
    }
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
      for (const event of events) {
        for (const name of subscriptions.keys()) if (wants(name, event)) put(subscriptionName(name), event);
      }
      notify();
      return events.map(() => undefined);
    },
    async send(consumer, messages) {
      for (const message of messages) put(consumer, message);
      notify();
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
    settle(consumer, { id, group: key = id }, outcome, at) {
      const queue = queueOf(consumer);
      const group = queue.get(key) ?? [];
      const i = group.findIndex(({ message }) => message.id === id);
      const waiting = group[i];
      if (waiting === undefined) return;
      if (outcome.kind === "again") waiting.visibleAt = at + outcome.delayMs;
      else if (group.length > 1) group.splice(i, 1);
      else queue.delete(key);
    },
    nextAt(consumer, at) {
      let next = Infinity;
      for (const [first] of queueOf(consumer).values()) if (first) next = Math.min(next, Math.max(at, first.visibleAt));
      return next;
    },
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
