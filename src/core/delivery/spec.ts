import type { StoredRecord } from "../journal/port.ts";
import type { About } from "../messaging/handler.ts";
import type { DeliveryPolicy } from "../messaging/policy.ts";
import type { Change, PositionedRecord, QueuedMessage, Reference } from "./port.ts";

/** What a consumer does. */
export interface ConsumerSpec {
  /** Unique in the deployment; part of keys and dead letters: `subscription:fulfilment`. */
  readonly name: string;
  readonly start: "now" | "beginning";
  readonly policy: DeliveryPolicy;
  /** It is over when all up to that position is done. */
  readonly end?: { readonly position: number; readonly changes: () => readonly Change[] };
  /** Where its dead letters are redriven to; default: to itself. */
  readonly deadLetters?: { readonly consumer: string; readonly again: string | undefined };
  /** Which parts of a record it handles, from 1, ascending. Asked about every record of the journal: cheap where there are none. */
  readonly pick?: (record: Omit<PositionedRecord, "position">) => readonly number[];
  /** What it only notes of a record. */
  readonly absorb?: (record: PositionedRecord) => readonly Change[];
  /** What it notes when it has become this process's. */
  readonly begin?: (now: number) => readonly Change[];
  /** Since when a waiting message should be done, for telemetry; default: since it came. */
  readonly since?: (message: QueuedMessage) => number | undefined;
  /** Whether a waiting message that is given up is due again; a copy of it is dead all the same. */
  readonly bury?: (message: QueuedMessage, now: number) => DueAgain | undefined;
  /**
   * Handles one. A waiting message is removed afterwards, unless the answer says when it is due again.
   * @throws what makes it be tried again, or dead-lettered
   */
  readonly run: (work: Work) => Promise<Done | undefined>;
}

/** One item of work, and one attempt at it. */
export interface Work {
  /** What it refers to in the journal, if it does. */
  readonly reference: Reference | undefined;
  /** The record of the reference, where that was read already. */
  readonly record?: StoredRecord;
  /** The row that it waits in, if it does. */
  readonly message?: QueuedMessage;
  /** Makes its keys new. */
  readonly again?: string | undefined;
  /** From 1. */
  readonly attempt: number;
  /** Aborted when the consumer is somebody else's, or closes. */
  readonly stop: AbortSignal;
  /** Where the run notes what log lines say of it. */
  readonly about: About;
}

/** What a consumer's run leaves behind, besides that it is done. */
export interface Done {
  /** Of a waiting message only: it stays. */
  readonly again?: DueAgain;
  /** Stored together with the progress. */
  readonly changes?: readonly Change[];
}

/** When a message is to be handled again although it was handled. */
export interface DueAgain {
  /** Epoch milliseconds. */
  readonly due: number;
  readonly body?: string;
}
