import type { App } from "../../core/app.ts";
import { consumersOf, isOrdered } from "../../core/broker/groups.ts";
import { marginMs } from "../../core/broker/receive.ts";
import { wakeUps } from "../../core/broker/wake-ups.ts";
import { HoldfastError } from "../../core/errors.ts";
import { deliveryPolicy } from "../../core/messaging/policy.ts";
import { queueName, subscriptionRules, topicName, type CompiledRules } from "../service-bus/index.ts";

/** One of a subscription's rules; a message that passes any of them is there once. */
export interface PlannedRule {
  /** `rule-1`, and so on; never `$Default`. */
  readonly name: string;
  /** A SQL filter, at most 1,024 characters. */
  readonly sql: string;
}

/** A subscription of the topic. All have sessions. */
export interface PlannedSubscription {
  /** `subscription:<name>` */
  readonly consumer: string;
  /** At most 40 characters. */
  readonly name: string;
  /** How long a session stays locked when nobody renews it: 60 to 300. */
  readonly lockSeconds: number;
  /** In the order in which they are to be made. */
  readonly rules: readonly PlannedRule[];
  /** What the rules let through besides what the subscription wants, a line each; the receiver drops it. */
  readonly widened: readonly string[];
}

/** A queue with the function that its messages are for. */
export interface PlannedQueue {
  /** `sends`, `timers`, `wakeups`, `queue:<name>` */
  readonly consumer: string;
  /** Without the deployment's prefix; at most 46 characters. */
  readonly name: string;
  /** Whether it keeps an order, by sessions, and drops what has the id of a message of the last `duplicateSeconds`. */
  readonly ordered: boolean;
  /** How long a message stays locked when nobody renews it: 60 to 300. */
  readonly lockSeconds: number;
}

/** A cron timer, as the app declares it. */
export interface PlannedTimer {
  readonly timer: string;
  readonly cron: string;
  /** IANA zone. */
  readonly zone: string;
}

/** What a deployment on Azure consists of, besides its table and its function app. Data; sorted by name. */
export interface AzurePlan {
  /** The topic's name, without the deployment's prefix. */
  readonly topic: string;
  /** How long topic and ordered queues remember ids. */
  readonly duplicateSeconds: number;
  readonly subscriptions: readonly PlannedSubscription[];
  readonly queues: readonly PlannedQueue[];
  readonly timers: readonly PlannedTimer[];
}

/**
 * Longer than what lies between publishing an event behind its commit and publishing it again by a wake-up: 90 s, another 90
 * s where nothing was stored yet, and one retry after an outage, 5 minutes. What comes later is delivered twice, and has
 * its effect once. No longer, since the topic looks through all ids of the window for each message.
 */
const duplicateSeconds = 600;

/** The longest lock. Source: lockDuration, Microsoft.ServiceBus 2024-01-01. */
const lockSecondsMax = 300;

/** SQL filters of one topic. Source: the quotas of Service Bus. */
const rulesMax = 2_000;

/**
 * Plans the deployment of an app.
 * @throws HoldfastError `invalid-options` for what Service Bus cannot do, with what it can
 */
export function azurePlan(app: App): AzurePlan {
  const compiled = subscriptionRules(app);
  const timeouts = handlerTimeouts(app);
  const lockSeconds = (consumer: string): number =>
    Math.min(lockSecondsMax, Math.max(60, secondsOf(timeouts.get(consumer) ?? 0)));
  const subscriptions = [...app.subscriptions.keys()].map((name): PlannedSubscription => {
    const consumer = `subscription:${name}`;
    // Every subscription has rules: at least the one for what is sent to it alone.
    const { rules, widened } = compiled.get(name) as CompiledRules;
    return {
      consumer,
      name: checked("Subscription", name),
      lockSeconds: lockSeconds(consumer),
      rules: rules.map((sql, i) => ({ name: `rule-${i + 1}`, sql })),
      widened,
    };
  });
  const rules = subscriptions.reduce((sum, one) => sum + one.rules.length, 0);
  if (rules > rulesMax) {
    throw new HoldfastError(
      "invalid-options",
      `The subscriptions have ${rules} rules; a topic of Service Bus may have ${rulesMax}. Compare fewer values in filters.`,
    );
  }
  const queues = [...consumersOf(app), wakeUps]
    .filter((consumer) => !consumer.startsWith("subscription:"))
    .map(
      (consumer): PlannedQueue => ({
        consumer,
        name: checked("Queue", queueName(consumer)),
        ordered: isOrdered(consumer),
        lockSeconds: lockSeconds(consumer),
      }),
    );
  return {
    topic: topicName,
    duplicateSeconds,
    subscriptions: subscriptions.toSorted(byName),
    queues: queues.toSorted(byName),
    timers: [...app.timers.values()]
      .map(({ name: timer, cron, zone }) => ({ timer, cron, zone }))
      .toSorted((a, b) => (a.timer < b.timer ? -1 : 1)),
  };
}

/** By consumer, how long its handler may take, milliseconds. */
function handlerTimeouts(app: App): ReadonlyMap<string, number> {
  const own = (consumer: string): number => deliveryPolicy(consumer, {}).timeoutMs;
  const timers = [...app.timers.values()].map(({ policy }) => policy.timeoutMs);
  return new Map([
    ["sends", own("sends")],
    ["timers", Math.max(own("timers"), ...timers)],
    [wakeUps, own(wakeUps)],
    ...[...app.subscriptions.values()].map(({ name, policy }) => [`subscription:${name}`, policy.timeoutMs] as const),
    ...[...app.workers.values()].map(({ queue, policy }) => [`queue:${queue}`, policy.timeoutMs] as const),
  ]);
}

function secondsOf(timeoutMs: number): number {
  return Math.ceil((timeoutMs + marginMs) / 1_000);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** A name that Service Bus takes; the app's own rules allow all of it but a hyphen at the end. */
function checked(what: string, name: string): string {
  if (!name.endsWith("-")) return name;
  throw new HoldfastError(
    "invalid-options",
    `${what} "${name}" ends with a hyphen; on Service Bus a name has to end with a letter or a digit. Call it otherwise.`,
  );
}
