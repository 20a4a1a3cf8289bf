import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { queueName } from "holdfast/aws/sns-sqs";
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

/** What the cases ask of a store, of those that AWS has. */
export function storeOf(deployment: Deployment, { journal, failures, bus, system }: StorePorts): DeliveryStore {
  const absent = (): never => {
    throw new Error("On AWS queues hold what waits; there is no such method.");
  };
  return {
    ...journal,
    ...createDeadLetters(failures, bus),
    async send(consumer, messages) {
      await deployment.makeQueue(consumer);
      const parcels = messages.map(({ name = system.newId(), body = "", attributes }) => ({
        id: name,
        body,
        attributes: { ...(JSON.parse(attributes ?? "{}") as object), [idAttribute]: name },
      }));
      for (const error of await bus.send(consumer, parcels)) if (error) throw error;
    },
    /** Only that there is nothing can be told: nobody looks into a queue without taking. */
    async due(consumer) {
      const QueueUrl = `${deployment.queues}${queueName(consumer)}`;
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] });
      const { Attributes = {} } = await deployment.clients.sqs.send(command);
      const counts = [
        Attributes.ApproximateNumberOfMessages,
        Attributes.ApproximateNumberOfMessagesDelayed,
        Attributes.ApproximateNumberOfMessagesNotVisible,
      ];
      if (counts.join() !== "0,0,0") throw new Error(`Of ${consumer} there wait, are delayed, are hidden: ${counts}`);
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
