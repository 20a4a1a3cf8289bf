import type { StoredRecord, StreamId } from "../journal/port.ts";
import type { Failures } from "../messaging/policy.ts";

/** A record with its stream and its place in the order of all commits. */
export interface PositionedRecord {
  /** Grows with every commit; gaps are possible. */
  readonly position: number;
  readonly stream: StreamId;
  readonly record: StoredRecord;
}

/** What an item of work refers to in the journal: the n-th event (or outgoing message) of a record, from 1. */
export interface Reference {
  readonly stream: StreamId;
  readonly sequence: number;
  readonly n: number;
}

/** A message that waits at a consumer: to be tried (again) when it is due, or dead. */
export interface QueuedMessage {
  readonly id: number;
  /** Messages of one stream are not handled at the same time. */
  readonly stream?: StreamId;
  /** With `stream`: what it refers to in the journal. Absent: the message is `body`, or the timer `name`. */
  readonly sequence?: number;
  readonly n?: number;
  /** Of a timer, or the sender's id of a message. */
  readonly name?: string;
  readonly body?: string;
  /** JSON text. */
  readonly attributes?: string;
  readonly failures?: Failures;
  /** Replays with new keys carry the replay's id. */
  readonly again?: string;
  /** When it came, epoch milliseconds. */
  readonly created: number;
}

/** Why a message is dead. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly stack?: string;
}

/** One step of a consumer's progress. All changes of one `settle` are stored together or not at all, in their order. */
export type Change =
  /** From that reference on the stream's own row is responsible for it, until `unpark`; replaces an earlier row. */
  | { readonly kind: "park"; readonly at: Reference; readonly failures: Failures | undefined; readonly due: number }
  | { readonly kind: "unpark"; readonly stream: StreamId }
  /** Removes a message; with `sequence` only if nothing has armed it since. */
  | { readonly kind: "delete"; readonly id: number; readonly sequence?: number | undefined }
  /** Tries a message again at `due`; with `sequence` only if nothing has armed it since. */
  | {
      readonly kind: "postpone";
      readonly id: number;
      readonly due: number;
      readonly failures: Failures | undefined;
      readonly body?: string | undefined;
      readonly sequence?: number | undefined;
    }
  /** Makes a message that is waiting a dead one; with `sequence` only if nothing has armed it since. */
  | {
      readonly kind: "bury";
      readonly id: number;
      readonly sequence?: number | undefined;
      readonly failures: Failures;
      readonly reason: Reason;
    }
  /** Adds a dead message. Of what refers to the same in the journal, with the same `again`, one is dead at a consumer. */
  | {
      readonly kind: "dead";
      /** Where it is redriven to; absent: to the consumer that settles. */
      readonly consumer?: string | undefined;
      readonly message: Omit<QueuedMessage, "id" | "failures">;
      readonly failures: Failures;
      readonly reason: Reason;
    }
  /**
   * The one message of that name and stream is due at the earlier of the two times, as if it had never failed; a missing
   * one is made.
   */
  | {
      readonly kind: "arm";
      readonly name: string;
      readonly stream: StreamId;
      readonly due: number;
      /** Grows with each arming. */
      readonly sequence: number;
      readonly now: number;
    }
  /** Makes the one message of that name, or brings it forward unless it is failing. */
  | { readonly kind: "plan"; readonly name: string; readonly due: number; readonly body: string; readonly now: number }
  /** Removes all messages of a stream. */
  | { readonly kind: "disarm"; readonly stream: StreamId }
  /** Counts what a replay has done; with `finished`, ends it. */
  | {
      readonly kind: "replayed";
      readonly id: string;
      readonly handled?: number;
      readonly skipped?: number;
      /** Epoch milliseconds. */
      readonly finished?: number;
    };

/** What a consumer owns while its lease lasts. */
export interface Taken {
  readonly kind: "taken";
  /** False: somebody else has owned it in between (or nobody ever), and what is in memory is worthless. */
  readonly kept: boolean;
  /** Everything up to here is done, or stands in a row. */
  readonly position: number;
  /** All of them, kept or not: the answer that told of them may have been lost. */
  readonly parked: readonly ParkedLane[];
}

export interface Held {
  readonly kind: "held";
  /** Epoch milliseconds. */
  readonly until: number;
  readonly position: number;
}

export interface ParkedLane {
  /** The first that is not done. */
  readonly at: Reference;
  /** The stream's last sequence up to the consumer's position. */
  readonly through: number;
  readonly failures: Failures | undefined;
  readonly due: number;
}

export interface Claim {
  /** Who wants it: unique per process and consumer. */
  readonly owner: string;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly until: number;
  /** A lease of somebody else that ends later than this was given by a clock that went wrong: it does not count. */
  readonly longest: number;
  /** Where a consumer that nobody has taken before begins. */
  readonly start: "now" | "beginning";
}

export interface Due {
  /** Neither parked nor dead, due by `now`, earliest first. */
  readonly messages: readonly QueuedMessage[];
  /** When the next one after `now` is due. */
  readonly nextAt: number | undefined;
  /** When the next parked lane is due, be that in the past. */
  readonly parkedAt: number | undefined;
}

/**
 * `records`: in commit order, those that this process has just committed, where the store has them at hand;
 * `messages`: whatever may have come.
 */
export type StoreListener = (what: "records" | "messages", records?: readonly PositionedRecord[]) => void;

/**
 * What waits to be delivered, where the journal and its messages live in one store: a cursor for each consumer over the
 * order of all commits, and rows for what cannot go on at once. Every method is atomic and strong.
 */
export interface MessageStore {
  /** Up to `limit` records after `position`, in commit order over all streams. */
  recordsAfter(position: number, limit: number): Promise<readonly PositionedRecord[]>;
  /** Calls back after something may have come, in this process at once, in others within a second. Returns the way to stop. */
  watch(listener: StoreListener): () => void;
  /** Takes a consumer, renews what one has, or says until when somebody else has it. */
  take(consumer: string, claim: Claim): Promise<Taken | Held>;
  /**
   * Stores progress and renews the lease, if the consumer is still the owner's: else nothing, and false.
   */
  settle(
    consumer: string,
    owner: string,
    progress: { readonly position: number; readonly until: number; readonly changes: readonly Change[] },
  ): Promise<boolean>;
  due(consumer: string, range: { readonly now: number; readonly limit: number }): Promise<Due>;
  /** Adds messages that are due at once; durable when it resolves. */
  send(
    consumer: string,
    messages: readonly Pick<QueuedMessage, "name" | "body" | "attributes" | "created">[],
  ): Promise<void>;
}

/** Which events a subscription is to handle once more. */
export interface ReplayRequest {
  /** Unique; 20 characters. */
  readonly id: string;
  readonly subscription: string;
  /** Of one entity type only. */
  readonly entity?: string | undefined;
  /** Committed at that time or later, epoch milliseconds. */
  readonly since?: number | undefined;
  /** With new keys: effects happen again, however old the events. */
  readonly again: boolean;
  /** Epoch milliseconds. */
  readonly created: number;
}

export interface Replay extends ReplayRequest {
  /** Handles the journal up to this position: its end when the replay was asked for. */
  readonly through: number;
  /** How far it got. */
  readonly position: number;
  readonly handled: number;
  /** Events so old that their effects may be forgotten. */
  readonly skipped: number;
  /** Epoch milliseconds; absent: under way. */
  readonly finished?: number;
}

/** Where replays stand. Whoever delivers looks for them whenever `watch` calls with `messages`. */
export interface ReplayStore {
  addReplay(request: ReplayRequest): Promise<void>;
  /** All of them, the oldest first; `unfinished`: those under way. */
  replays(which?: "unfinished"): Promise<readonly Replay[]>;
}

/** A message that was given up. */
export interface DeadLetter extends QueuedMessage {
  readonly consumer: string;
  readonly failures: Failures;
  readonly reason: Reason;
}

/** Where dead letters lie, for tools. */
export interface DeadLetterStore {
  /** In ascending order of ids, after `after`. */
  dead(query: {
    readonly consumer?: string;
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly DeadLetter[]>;
  /** Puts dead letters back, each at the consumer that it came from, with no failure counted. Answers how many there were. */
  redrive(ids: readonly number[], now: number): Promise<number>;
  /** Removes dead letters for good. Answers how many there were. */
  drop(ids: readonly number[]): Promise<number>;
}

/** Whether a journal is a message store, too. */
export function isMessageStore<J extends object>(journal: J): journal is J & MessageStore & ReplayStore {
  return "recordsAfter" in journal && "settle" in journal;
}
