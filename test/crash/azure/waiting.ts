import type { ServiceBus } from "@holdfast/service-bus-emulator";
import type { AzurePlan } from "holdfast/azure/plan";

const wakeUps = "wakeups";

/** Looks at the broker's messages. */
export interface Waiting {
  /**
   * Messages that a function is still to be done with, dead ones too, described. Not wake-ups that are not due: each append
   * leaves one, which finds nothing to do where all is published. Where something is not, the checkers miss what it would
   * have caused, so nothing is overlooked.
   */
  now(): readonly string[];
  /** Hosts are about to end: what comes to the queues or falls due from now on is nobody's, and not waited for. */
  close(): void;
}

export function createWaiting({ messages }: ServiceBus, { topic, subscriptions, queues }: AzurePlan): Waiting {
  const entities = [
    ...subscriptions.map(({ name }) => `${topic}/Subscriptions/${name}`),
    ...queues.map(({ name }) => name),
  ];
  let left: readonly string[] | undefined;

  function look(): readonly string[] {
    return entities.flatMap((entity) =>
      messages(entity)
        .filter(({ state }) => entity !== wakeUps || state !== "scheduled")
        .map(({ state, messageId, body }) => `${entity} ${messageId} (${state}) ${JSON.stringify(body)}`),
    );
  }

  return {
    now: () => left ?? look(),
    close() {
      left = look();
    },
  };
}
