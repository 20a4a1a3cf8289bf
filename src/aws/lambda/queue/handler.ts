import wrap from "@middy/core";
import type { Context as LambdaContext } from "aws-lambda";
import { queueConsumers } from "../../../core/broker/queues.ts";
import { createReceiver } from "../../../core/broker/receive.ts";
import { HoldfastError } from "../../../core/errors.ts";
import { within } from "../../../http/deadline.ts";
import { consumersOf } from "../../../core/broker/groups.ts";
import { queueName } from "../../sns-sqs/names.ts";
import { createCached } from "../../../core/runtime/cached.ts";
import { begin, type Container } from "../container.ts";
import { holdfastFlush, holdfastLog } from "../middlewares.ts";
import { messageOf, readQueueEvent, type BatchAnswer, type Queue, type QueueEvent } from "./event.ts";
import { delayOf, delaysMax, type ChangeVisibility, type Delay } from "./visibility.ts";

export type QueueHandler = (event: QueueEvent, context: LambdaContext) => Promise<BatchAnswer>;

export interface QueueHandlerOptions {
  /**
   * Whose queue it is: `sends`, `timers`, `subscription:<name>`, `queue:<name>`. Default: HOLDFAST_CONSUMER, else what the
   * queue's name says.
   */
  readonly consumer?: string;
}

/** How long before the end of the invocation the last call to the queue is given up, milliseconds. */
const visibilityMarginMs = 200;

/** How long that call may take, milliseconds: on a connection that is dead, all of the batch would wait with it. */
const visibilityMaxMs = 10_000;

/**
 * Handles what SQS hands out, as the handler of any number of queues: one function for all, or one each. Answers which
 * messages come again; of a FIFO group that is all behind the first. When they come again it has told the queue; where
 * that fails, they come after the queue's own time-out. The event source mapping has to ask for `ReportBatchItemFailures`.
 */
export function createQueueHandler(container: Container, options: QueueHandlerOptions = {}): QueueHandler {
  const { system, queuePrefix, app } = container;
  const { consumer: given = container.consumer } = options;

  const consumers = consumersOf(app);
  if (given !== undefined && !consumers.includes(given)) {
    const message = `The app has no consumer "${given}" (HOLDFAST_CONSUMER); it has ${consumers.join(", ")}.`;
    throw new HoldfastError("invalid-options", message);
  }
  const byQueue = new Map(consumers.map((consumer) => [`${queuePrefix}${queueName(consumer)}`, consumer]));

  const parts = createCached(async () => {
    const [instance, messaging] = await Promise.all([container.instance(), container.messaging()]);
    const receive = createReceiver({ ...instance, ...messaging });
    return { queues: queueConsumers(instance), receive, changeVisibility: messaging.changeVisibility };
  });

  function consumerOf({ name }: Queue): string {
    const consumer = given ?? byQueue.get(name);
    if (consumer !== undefined) return consumer;
    const expected = [...byQueue].map(([queue, of]) => `${queue} (${of})`).join(", ");
    throw new HoldfastError(
      "malformed-event",
      `The queue "${name}" is none of this app's; expected: ${expected}. Correct HOLDFAST_QUEUES, or say with HOLDFAST_CONSUMER whose queue it is.`,
    );
  }

  async function handle(event: QueueEvent, context: LambdaContext): Promise<BatchAnswer> {
    const { queue, records } = readQueueEvent(event);
    const consumer = consumerOf(queue);
    const { queues, receive, changeVisibility } = await parts();
    const handling = queues.get(consumer);
    if (handling === undefined) throw new HoldfastError("internal", `Nothing handles the messages of "${consumer}".`);
    const messages = records.map((record) => messageOf(record, queue));
    const deadline = system.now() + context.getRemainingTimeInMillis();
    const outcomes = await receive(consumer, messages, handling, deadline);
    const delays = records.flatMap((record, i) => {
      const outcome = outcomes[i];
      return outcome?.kind === "again" ? [delayOf(record, outcome)] : [];
    });
    await postpone(queue, delays, changeVisibility, context);
    return { batchItemFailures: delays.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  }

  /** Nothing is lost where it fails: the messages are reported all the same. */
  async function postpone(
    queue: Queue,
    delays: readonly Delay[],
    change: ChangeVisibility,
    context: LambdaContext,
  ): Promise<void> {
    const slices = Array.from({ length: Math.ceil(delays.length / delaysMax) }, (_, i) =>
      delays.slice(i * delaysMax, (i + 1) * delaysMax),
    );
    const ms = Math.min(visibilityMaxMs, context.getRemainingTimeInMillis() - visibilityMarginMs);
    if (slices.length === 0) return;
    try {
      if (ms <= 0) throw new Error("there is no time left to say it");
      const calls = Promise.all(slices.map((slice) => change(queue, slice)));
      const failed = (await within(system, ms, calls, () => new Error(`no answer within ${ms} ms`))).flat();
      if (failed.length > 0) throw new Error(`SQS refused it for ${failed.slice(0, 10).join(", ")}`);
    } catch (error) {
      const fields = { queue: queue.name, messages: delays.length, error };
      system.log.warn(fields, "the queue was not told when messages come again; they come when its time-out is over");
    }
  }

  begin(parts);
  const handler = wrap<QueueEvent, BatchAnswer>({ timeoutEarlyInMillis: 0 })
    .use(holdfastLog(container))
    .use(holdfastFlush(container))
    .handler(handle);
  return (event, context) => handler(event, context);
}
