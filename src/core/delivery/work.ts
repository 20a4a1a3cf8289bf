import type { StoredRecord } from "../journal/port.ts";
import type { About } from "../messaging/handler.ts";
import type { Change, QueuedMessage, Reference } from "./port.ts";

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
