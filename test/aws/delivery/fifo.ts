/** A message of fauxqs. */
interface Held {
  readonly messageGroupId?: string;
  /** Of the queue; all have the same number of digits. */
  readonly sequenceNumber?: string;
}

/** What of fauxqs's queues this looks at. */
interface Queue {
  /** By group, in their order. */
  readonly fifoMessages: Map<string, Held[]>;
  /** How many of a group are handed out. */
  readonly fifoLockedGroups: Map<string, number>;
  dequeueFifo(count: number, ...others: readonly unknown[]): readonly unknown[];
  processTimers(): void;
}

/**
 * Has fauxqs hand out several messages of a group at once, in their order, as SQS does: by itself it hands out one. And
 * those that come again stand in their order before the later ones: by itself it turns them round.
 * Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export async function handOutGroups(): Promise<void> {
  const main = import.meta.resolve("fauxqs");
  const store = (await import(/* @vite-ignore */ new URL("./sqs/sqsStore.js", main).href)) as {
    readonly SqsQueue: { readonly prototype: Queue };
  };
  const queue = store.SqsQueue.prototype;
  const { dequeueFifo, processTimers } = queue;

  queue.dequeueFifo = function (this: Queue, count, ...others) {
    const before = new Set(this.fifoLockedGroups.keys());
    const handed: unknown[] = [];
    for (;;) {
      const own = [...this.fifoLockedGroups].filter(([group]) => !before.has(group));
      for (const [group] of own) this.fifoLockedGroups.delete(group);
      const more = handed.length < count ? dequeueFifo.call(this, count - handed.length, ...others) : [];
      for (const [group, locks] of own) {
        this.fifoLockedGroups.set(group, locks + (this.fifoLockedGroups.get(group) ?? 0));
      }
      if (more.length === 0) return handed;
      handed.push(...more);
    }
  };

  queue.processTimers = function (this: Queue) {
    processTimers.call(this);
    for (const group of this.fifoMessages.values()) {
      if (numberOf(group[0]) > numberOf(group[1])) group.sort((a, b) => (numberOf(a) < numberOf(b) ? -1 : 1));
    }
  };
}

/** Behind all others where there is none. */
function numberOf(message: Held | undefined): string {
  return message?.sequenceNumber ?? "~";
}
