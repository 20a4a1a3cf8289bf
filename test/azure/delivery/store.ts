import { queueName, topicName } from "holdfast/azure/service-bus";
import type { DeliveryStore } from "holdfast/testing";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { FailureStore } from "../../../src/core/broker/failures.ts";
import { idAttribute } from "../../../src/core/broker/receive.ts";
import { createDeadLetters } from "../../../src/core/broker/redrive.ts";
import type { Journal } from "../../../src/core/journal/port.ts";
import type { System } from "../../../src/core/runtime/system.ts";
import type { Deployment } from "./deployment.ts";

interface StorePorts {
  readonly journal: Journal;
  readonly failures: FailureStore;
  readonly bus: Bus;
  readonly system: System;
}

/** What the cases ask of a store, of those that Azure has. */
export function storeOf({ broker }: Deployment, { journal, failures, bus, system }: StorePorts): DeliveryStore {
  const absent = (): never => {
    throw new Error("On Azure queues hold what waits; there is no such method.");
  };
  return {
    ...journal,
    ...createDeadLetters(failures, bus),
    async send(consumer, messages) {
      const parcels = messages.map(({ name = system.newId(), body = "", attributes }) => ({
        id: name,
        body,
        attributes: { ...(JSON.parse(attributes ?? "{}") as object), [idAttribute]: name },
      }));
      for (const error of await bus.send(consumer, parcels)) if (error) throw error;
    },
    /** Only that there is nothing can be told. */
    async due(consumer) {
      const [, subscription] = /^subscription:(.*)$/.exec(consumer) ?? [];
      const queue = subscription === undefined ? queueName(consumer) : `${topicName}/Subscriptions/${subscription}`;
      const states = broker.messages(queue).map(({ state }) => state);
      if (states.length > 0) throw new Error(`Of ${consumer} there are messages, which are: ${states.join(", ")}`);
      return { messages: [], nextAt: undefined, parkedAt: undefined };
    },
    recordsAfter: absent,
    watch: absent,
    take: absent,
    settle: absent,
    addReplay: absent,
    replays: absent,
  };
}
