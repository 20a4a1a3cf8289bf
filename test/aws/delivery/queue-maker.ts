import { CreateQueueCommand, SetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { deadQueueName, isOrdered, queueName } from "holdfast/aws/sns-sqs";
import type { Traffic } from "./traffic.ts";

interface Where {
  /** Of the deployment: queues' names begin with it. */
  readonly name: string;
  /** What their URLs begin with. */
  readonly queues: string;
  arnOf(queue: string): string;
  readonly traffic: Traffic;
}

/** What a queue has that nobody has planned yet. */
const unplannedSeconds = 30;

/** Makes queues with their dead-letter queues; what is there is changed. */
export function createQueueMaker(sqs: SQSClient, { name, queues, arnOf, traffic }: Where) {
  /** By consumer, the time-out of visibility that was asked for. */
  const asked = new Map<string, number>();
  /** One after the other for each consumer: many may ask at once. */
  const making = new Map<string, Promise<void>>();
  const there = new Set<string>();

  async function makeOrChange(consumer: string, visibilitySeconds: number): Promise<void> {
    const kind = isOrdered(consumer)
      ? { FifoQueue: "true", DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" }
      : {};
    const own = {
      VisibilityTimeout: String(visibilitySeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf(deadQueueName(consumer)), maxReceiveCount: 1_000 }),
    };
    if (there.has(consumer)) {
      const QueueUrl = `${queues}${queueName(consumer)}`;
      await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: own }));
      return;
    }
    const create = (queue: string, Attributes: Record<string, string>): Promise<unknown> =>
      sqs.send(new CreateQueueCommand({ QueueName: `${name}-${queue}`, Attributes }));
    await create(deadQueueName(consumer), kind);
    await create(queueName(consumer), { ...kind, ...own });
    there.add(consumer);
    // What is published from now on may come into it.
    traffic.expect(`${name}-${queueName(consumer)}`, 0);
  }

  return {
    has: (consumer: string): boolean => there.has(consumer),
    /** @param visibilitySeconds undefined: as it is */
    makeQueue(consumer: string, visibilitySeconds?: number): Promise<void> {
      const before = making.get(consumer);
      if (before && (visibilitySeconds === undefined || visibilitySeconds === asked.get(consumer))) return before;
      const seconds = visibilitySeconds ?? unplannedSeconds;
      const after = (before ?? Promise.resolve()).then(() => makeOrChange(consumer, seconds));
      asked.set(consumer, seconds);
      making.set(consumer, after);
      return after;
    },
  };
}
