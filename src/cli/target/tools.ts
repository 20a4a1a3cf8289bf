import type { App } from "../../core/app.ts";
import type { Committed } from "../../core/broker/outbox.ts";
import type { DeadLetterStore, ReplayRequest } from "../../core/delivery/port.ts";
import type { queued } from "../../core/delivery/outgoing.ts";
import type { HoldfastError } from "../../core/errors.ts";
import type { Journal, StreamId } from "../../core/journal/port.ts";
import type { Runtime } from "../../core/runtime/runtime.ts";

/** Which of the stored records; absent: all. */
export interface RecordsRange {
  readonly tenant?: string | undefined;
  readonly entity?: string | undefined;
}

/** How a replay is to be done. */
export interface ReplayHow {
  /** Whether to wait until it is at its end, where something else does it. */
  readonly wait: boolean;
  /** The file of the app, where it is needed; undefined: the first of the usual places. */
  readonly app: string | undefined;
}

/** What became of a replay: a host has ended it, will begin it, or its events are in their queue. */
export type ReplayDone =
  | { readonly kind: "handled" | "queued"; readonly events: number; readonly skipped: number }
  | { readonly kind: "waiting" };

/** What the commands need of the place where things are stored. */
export interface Tools {
  readonly journal: Journal;
  readonly letters: DeadLetterStore;
  /** Ids of streams that are asked for at once: where each question reads everything, rather many. */
  readonly idsMax: number;
  /** All records, in pages: each stream's in its order, and those of several in the order of commits where there is one. */
  records(range: RecordsRange): AsyncIterable<readonly Committed[]>;
  /** For who has misspelt an entity: what is stored instead, as a sentence behind a space. Empty: it is there, or nobody knows. */
  entityHint(entity: string, tenant?: string): string;
  /** Who has ever run; undefined: nobody knows. */
  consumers(): Promise<readonly string[] | undefined>;
  /** Puts messages into a worker's queue. Per message: undefined where it is there for sure. */
  send(consumer: string, messages: readonly QueuedMessage[]): Promise<readonly (HoldfastError | undefined)[]>;
  /** Has a subscription handle events once more. Shows how far it is. */
  replay(request: ReplayRequest, how: ReplayHow): Promise<ReplayDone>;
  /**
   * Runs commands. Whoever handles events there hears of them; what it takes to tell them is done when it is closed.
   * @throws CliError where an option or a package is missing
   */
  runtime(app: App): Promise<Runtime>;
  /** Takes what is written of an erased stream beside the journal. */
  blank(stream: StreamId): Promise<void>;
  close(): Promise<void>;
}

/** A message that was checked. */
export type QueuedMessage = ReturnType<typeof queued>;
