import { hash } from "node:crypto";
import type { DeadLetter, DeadLetterStore } from "../delivery/port.ts";
import type { StreamId } from "../journal/port.ts";
import type { Failures } from "../messaging/policy.ts";

/** Where a target whose broker holds what waits remembers what the broker cannot: rows that are written on failure only. */
export interface FailureStore extends Pick<DeadLetterStore, "dead"> {
  /** How often that message has failed at the consumer. */
  failures(consumer: string, message: string): Promise<Failures | undefined>;
  /** Remembers it, until `expires` (epoch milliseconds) at least. */
  saveFailures(consumer: string, message: string, failures: Failures, expires: number): Promise<void>;
  /**
   * Adds a dead letter. Durable when it resolves. Of what refers to the same in the journal, with the same `again`, one
   * is dead at a consumer, and of messages with the same name or id. It stands as it died last, by `created`; burying it
   * once more with the same time, or an earlier one, changes nothing.
   */
  bury(letter: Omit<DeadLetter, "id">): Promise<void>;
  /**
   * Removes dead letters for good; with `until` only those that have not died since (`created`, epoch milliseconds).
   * Answers how many there were.
   */
  drop(ids: readonly number[], until?: number): Promise<number>;
  /** The stream was erased: what is written of its dead letters' reasons may be of its data, and goes. */
  blank(stream: StreamId): Promise<void>;
}

/**
 * The number of a dead letter, from what it is about: 48 bits of a SHA-256, so that burying it once more finds it. It says
 * nothing of when it died.
 */
export function deadLetterId({ consumer, stream, sequence, n, name, body, again }: Omit<DeadLetter, "id">): number {
  const { tenant, entity, id } = stream ?? {};
  // A message with a name is known by it; only a tick has none, and is its body.
  const about = [consumer, tenant, entity, id, sequence, n, name, name === undefined ? body : undefined, again];
  return Number.parseInt(hash("sha256", JSON.stringify(about), "hex").slice(0, 12), 16) + 1;
}
