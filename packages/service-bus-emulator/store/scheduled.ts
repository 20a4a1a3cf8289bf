import type { Clock } from "../clock.ts";
import { conditions, refusal } from "../conditions.ts";
import type { Content, Message } from "./message.ts";

/** Messages that wait for their time. */
export interface Scheduled {
  /** Holds it until `content.scheduledAtMs`; answers the number by which it can be cancelled. What is due goes on at once. */
  add(content: Content): number;
  /** @throws a refusal (`com.microsoft:message-not-found`) when it is not there, and then none of them is cancelled. */
  cancel(sequences: readonly number[]): void;
  list(): readonly Message[];
  close(): void;
}

/** `due` is handed what is due, in the order of its times, with the number it had. */
export function createScheduled(
  clock: Clock,
  nextSequence: () => number,
  due: (content: Content, enqueuedSequence: number) => void,
): Scheduled {
  const waiting = new Map<number, { readonly message: Message; readonly callOff: () => void }>();
  return {
    add(content) {
      const sequence = nextSequence();
      const delayMs = (content.scheduledAtMs ?? 0) - clock.now();
      if (delayMs <= 0) {
        due(content, sequence);
        return sequence;
      }
      const callOff = clock.after(delayMs, () => {
        waiting.delete(sequence);
        due(content, sequence);
      });
      const message: Message = {
        sequence,
        enqueuedSequence: sequence,
        content,
        enqueuedAtMs: clock.now(),
        expiresAtMs: undefined,
        deliveryCount: 0,
        state: "scheduled",
        lock: undefined,
        deadLetterSource: undefined,
      };
      waiting.set(sequence, { message, callOff });
      return sequence;
    },
    cancel(sequences) {
      const missing = sequences.find((sequence) => !waiting.has(sequence));
      if (missing !== undefined) {
        throw refusal(conditions.messageNotFound, `No scheduled message has the sequence number ${missing}.`);
      }
      for (const sequence of sequences) {
        waiting.get(sequence)?.callOff();
        waiting.delete(sequence);
      }
    },
    list: () => [...waiting.values()].map(({ message }) => message),
    close() {
      for (const { callOff } of waiting.values()) callOff();
      waiting.clear();
    },
  };
}
