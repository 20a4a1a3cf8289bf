import { isOrdered } from "../../core/broker/groups.ts";
import type { Message, Outcome, QueueConsumer } from "../../core/broker/receive.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";
import type { Instance } from "./instance.ts";
import { createSlots } from "./slots.ts";
import { isText, messageOf, receivesAttribute, retryAttribute, type Metadata } from "./message.ts";

/** Handles one message of a trigger. Resolves when it is done with; where it rejects, the host gives it back. */
export type HandOut = (body: unknown, metadata: Metadata | undefined) => Promise<void>;

/**
 * For how long a message is kept and tried again, milliseconds. Its session waits with it, so the order stays; after that
 * it goes back to the head of its session, for whoever has a hand free.
 */
const keptMs = 300_000;

/**
 * What a function may take, milliseconds, `functionTimeout` of host.json: a message is kept for `keptMs`, waits for its next
 * attempt, 5 minutes at most, and an attempt takes 15 minutes at most.
 */
export const functionMs = 1_800_000;

/** In a queue without an order, a message that is to wait for longer than this does so as a copy, milliseconds. */
const waitMs = 2_000;

/** @throws HoldfastError of the function that it returns: `malformed-event`, `message-returned` */
export function createHandOut(
  consumer: string,
  queue: QueueConsumer,
  { receive, bus }: Pick<Instance, "receive" | "bus">,
  system: System,
): HandOut {
  const ordered = isOrdered(consumer);
  // What waits for its next attempt takes no slot.
  const slots = createSlots(queue.concurrency);
  const noText: QueueConsumer = {
    ...queue,
    read() {
      throw new HoldfastError("malformed-message", "The message is not UTF-8.");
    },
  };

  /** @param until when it is begun at the latest, epoch milliseconds */
  async function attempt(message: Message, of: QueueConsumer, until: number): Promise<Outcome> {
    if (system.now() >= until) throw returned(consumer, message.id);
    const [outcome] = await receive(consumer, [message], of, system.now() + functionMs - keptMs);
    return outcome ?? { kind: "done" };
  }

  /**
   * Puts it into the queue once more, for later. Where the process dies behind that, both are there, and have the effects
   * of one. False where the broker does not take it.
   */
  async function sendCopy({ id, receives, body, attributes }: Message, delayMs: number): Promise<boolean> {
    const named = { ...attributes, [retryAttribute]: id, [receivesAttribute]: String(receives) };
    const copy = { id: system.newId(), body, attributes: named, notBefore: system.now() + delayMs };
    const [error] = await bus.send(consumer, [copy]);
    if (error) system.log.warn({ consumer, message: id, error }, "a message waits here, since its queue takes no copy");
    return error === undefined;
  }

  return async (body, metadata) => {
    const began = system.now();
    let message = messageOf(body, metadata, began);
    const of = Buffer.isBuffer(body) && !isText(body) ? noText : queue;
    for (;;) {
      const attempted = message;
      const outcome = await slots.within(() => attempt(attempted, of, began + keptMs));
      if (outcome.kind === "done") return;
      const { delayMs } = outcome;
      // A copy of what is no text would be one.
      const mayMove = !ordered && of === queue;
      if (mayMove && delayMs > waitMs && (await sendCopy(message, delayMs))) return;
      await new Promise<void>((resolve) => void system.after(delayMs, resolve));
      message = { ...message, receives: message.receives + 1 };
    }
  };
}

function returned(consumer: string, id: string): HoldfastError {
  return new HoldfastError(
    "message-returned",
    `Message "${id}" of ${consumer} goes back to its queue: it was kept for ${keptMs / 60_000} minutes, in which it has failed, or found no room. It is tried again at once.`,
    { retry: "later" },
  );
}
