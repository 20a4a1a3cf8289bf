import type { JsonValue } from "../core/json.ts";
import type { CommandRequest, Outcome } from "../core/runtime/requests.ts";

/** What an instance answered, or that it failed. */
export type Answer =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "view"; readonly view: JsonValue; readonly version: number }
  | { readonly kind: "erased" }
  | { readonly kind: "error"; readonly code: string; readonly later: boolean; readonly reason: string };

/** One request to one entity, as the instance saw it that it came to; a retry is another one, with the same key. */
export interface Operation {
  /** {@link streamKey} of the entity. */
  readonly stream: string;
  readonly entity: string;
  readonly id: string;
  readonly instance: string;
  readonly kind: "command" | "view" | "erase";
  /** Of a command. */
  readonly request?: CommandRequest;
  /** Clock of the instance when it came, epoch milliseconds. */
  readonly time: number;
  /** Places in the order of all that was observed; `answered` is `Infinity` while nobody has heard of it. */
  readonly invoked: number;
  answered: number;
  /** Clock of the instance when it answered, epoch milliseconds; `Infinity` while it has not. */
  told: number;
  answer: Answer | undefined;
}

/** One run of a handler. */
export interface Handled {
  /** `subscription:payment`, `worker:imports`, `timer:nightly` */
  readonly handler: string;
  /** The event's, message's or tick's id: the same at every delivery. */
  readonly cause: string;
  /** Of an event: its stream and its version. */
  readonly stream?: string;
  readonly version?: number;
  /** Of an event: what the handler saw of it, as {@link seenOf} writes it. */
  readonly seen?: string;
  readonly instance: string;
  readonly attempt: number;
  readonly began: number;
  /** Clock of the instance when it began, epoch milliseconds. */
  readonly time: number;
  /** Calls made so far: how many, by `stream command`. */
  readonly calls: Map<string, number>;
  /** `open`: the instance died, or stopped listening, before it ended. */
  result: "open" | "done" | "failed";
  /** What its failure says of another attempt, as the delivery understands it. */
  retry: "never" | "reload" | "later" | undefined;
  /** It failed in a way, or so often, that the message is given up. */
  givenUp: boolean;
  ended: number;
}

/** All that was observed in a world, in its order. */
export interface History {
  readonly operations: Operation[];
  readonly handled: Handled[];
  /** Messages that a queue has taken. */
  readonly sent: { readonly queue: string; readonly id: string }[];
  /** Snapshots that a journal has acknowledged. */
  readonly snapshots: { readonly stream: string; readonly sequence: number; readonly revision: number }[];
  /** Keys that handlers have given to their calls themselves. */
  readonly givenKeys: Set<string>;
  /** The next place in the order. */
  next(): number;
}

/** An event as a handler sees it, for comparison with what is stored. */
export function seenOf(event: {
  readonly type: string;
  readonly data: unknown;
  readonly time: number;
  readonly version: number;
  readonly correlation: string;
}): string {
  const { type, data, time, version, correlation } = event;
  return JSON.stringify([type, data, time, version, correlation]);
}

export function createHistory(): History {
  let at = 0;
  return { operations: [], handled: [], sent: [], snapshots: [], givenKeys: new Set(), next: () => ++at };
}
