import { conditions, entityNotFound, refusal } from "../conditions.ts";
import { createCounter, type StoreContext } from "./context.ts";
import { createDuplicates } from "./duplicates.ts";
import type { Content, Message } from "./message.ts";
import type { SubscriptionOptions, TopicOptions } from "./options.ts";
import { createQueueWithDeadLetters, type Queue } from "./queue.ts";
import { checkName, createRules, type Rule, type Rules, rulesPerTopicMax } from "./rules.ts";
import { createScheduled } from "./scheduled.ts";

export interface Subscription {
  readonly name: string;
  readonly queue: Queue;
  /** @throws a refusal when the name is taken, the filter not valid, or the topic full. */
  addRule(name: string, rule: Rule): void;
  rules(): Rules;
  /** In the place of all that there are; nothing changes when one of them is not valid. */
  setRules(rules: Readonly<Record<string, Rule>>): void;
}

/** Copies what it is sent to every subscription that has a rule for it, once. */
export interface Topic {
  readonly path: string;
  send(contents: readonly Content[]): readonly number[];
  cancelScheduled(sequences: readonly number[]): void;
  /** What is scheduled; all else is with the subscriptions. */
  scheduled(): readonly Message[];
  /** @throws a refusal (`amqp:not-found`) when there is none of that name. */
  subscription(name: string): Subscription;
  /** @throws a refusal when the name is taken or too long, or a rule not valid. */
  addSubscription(name: string, options?: SubscriptionOptions): void;
  /** Its messages are gone with it. Repeatable. */
  removeSubscription(name: string): void;
  close(): void;
}

export function createTopic(context: StoreContext, path: string, options: TopicOptions): Topic {
  const { clock } = context;
  const nextSequence = createCounter();
  const duplicates = createDuplicates(clock, options.duplicateDetectionWindowMs);
  const subscriptions = new Map<string, Subscription>();
  const scheduled = createScheduled(clock, nextSequence, distribute);

  function distribute(content: Content, enqueuedSequence: number): void {
    for (const { queue, rules } of subscriptions.values()) {
      context.filtersEvaluated(rules().size);
      if (rules().matches(content)) queue.append(content, { enqueuedSequence });
    }
  }

  function checkRoom(more: number, without: Rules | undefined): void {
    const all = [...subscriptions.values()].map(({ rules }) => rules()).filter((rules) => rules !== without);
    if (all.reduce((sum, { size }) => sum + size, more) <= rulesPerTopicMax) return;
    throw refusal(conditions.notAllowed, `The topic '${path}' would have more than ${rulesPerTopicMax} rules.`);
  }

  function addSubscription(name: string, subscriptionOptions: SubscriptionOptions = {}): void {
    checkName("subscription", name);
    const key = name.toLowerCase();
    if (subscriptions.has(key)) {
      throw refusal(conditions.alreadyExists, `The topic '${path}' already has a subscription named '${name}'.`);
    }
    const { rules: initial, ...receiving } = subscriptionOptions;
    const liveMs = Math.min(options.defaultTimeToLiveMs ?? Infinity, receiving.defaultTimeToLiveMs ?? Infinity);
    const queue = createQueueWithDeadLetters(context, `${path}/Subscriptions/${name}`, {
      ...receiving,
      ...(Number.isFinite(liveMs) && { defaultTimeToLiveMs: liveMs }),
    });
    let rules = createRules(initial);
    checkRoom(rules.size, undefined);
    subscriptions.set(key, {
      name,
      queue,
      rules: () => rules,
      addRule(rule, filter) {
        checkRoom(1, undefined);
        rules.add(rule, filter);
      },
      setRules(next) {
        const replacement = createRules(next);
        checkRoom(replacement.size, rules);
        rules = replacement;
      },
    });
  }

  for (const [name, subscriptionOptions] of Object.entries(options.subscriptions ?? {})) {
    addSubscription(name, subscriptionOptions);
  }

  return {
    path,
    send: (contents) =>
      contents.map((content) => {
        if (duplicates.seen(content.messageId)) return nextSequence();
        if (content.scheduledAtMs !== undefined) return scheduled.add(content);
        distribute(content, nextSequence());
        return 0;
      }),
    cancelScheduled: scheduled.cancel,
    scheduled: scheduled.list,
    subscription(name) {
      const found = subscriptions.get(name.toLowerCase());
      if (!found) throw entityNotFound(`${path}/Subscriptions/${name}`);
      return found;
    },
    addSubscription,
    removeSubscription(name) {
      subscriptions.get(name.toLowerCase())?.queue.close();
      subscriptions.delete(name.toLowerCase());
    },
    close() {
      scheduled.close();
      for (const { queue } of subscriptions.values()) queue.close();
    },
  };
}
