import type { StoredRecord, StreamId } from "../journal/port.ts";
import type { Failures } from "../messaging/policy.ts";
import { streamKey } from "../runtime/live.ts";
import type { System } from "../runtime/system.ts";
import type { Ticket } from "./cursor.ts";
import type { QueuedMessage, Reference } from "./port.ts";

/** Something to do that was read from the journal. */
export interface RecordItem {
  readonly at: Reference;
  readonly record: StoredRecord;
  readonly ticket: Ticket;
}

/** A stream that follows the journal by itself because something in it has failed. A row in the store says the same. */
export interface Parked {
  /** The first that is not done. */
  at: Reference;
  /** The last sequence that the cursor leaves to it. */
  through: number;
  failures: Failures | undefined;
  /** Epoch milliseconds. */
  retryAt: number;
  /** When the first that is not done was stored, epoch milliseconds, if this process has read it. */
  since?: number | undefined;
}

/** What must not be done at the same time: the work of one stream, or one message that has none. */
export interface Lane {
  readonly key: string;
  /** In the order of the journal; none while it is parked. */
  readonly items: RecordItem[];
  /** Messages that wait in rows, redriven ones for example: they go before the rest. */
  readonly messages: QueuedMessage[];
  parked: Parked | undefined;
  state: "idle" | "ready" | "running";
  /** Forgets the timer of its next attempt. */
  cancel: () => void;
}

export interface Lanes {
  /** The stream's lane, or the message's where it has no stream; made if there is none. */
  of(stream: StreamId | undefined, id?: number): Lane;
  find(stream: StreamId): Lane | undefined;
  /** Leaves the lane alone until its retry; from then on it follows the journal by itself. */
  park(lane: Lane, parked: Parked): void;
  /** The lane goes with the cursor again. */
  unpark(lane: Lane): void;
  /** Queues the lane if there is something that it may do now. */
  makeReady(lane: Lane): void;
  /** Runs what is ready, as far as the number of lanes at once allows. */
  pump(): void;
  /** Forgets everything; what runs is not waited for. */
  clear(): void;
  /** Lanes that run now. */
  readonly active: number;
  readonly waiting: number;
  readonly parked: number;
  readonly size: number;
  /** When the oldest that is not done came, epoch milliseconds; `cameAt` says it of a message. */
  oldest(cameAt: (message: QueuedMessage) => number | undefined): number | undefined;
}

/** @param run handles the lane's next item */
export function createLanes(options: {
  readonly concurrency: number;
  readonly system: Pick<System, "now" | "after">;
  readonly mayRun: () => boolean;
  readonly run: (lane: Lane) => Promise<void>;
  readonly onEnded: () => void;
  /** A parked lane's time has come. */
  readonly onRetry: () => void;
}): Lanes {
  const { concurrency, system, mayRun, run, onEnded, onRetry } = options;
  let lanes = new Map<string, Lane>();
  let parkedCount = 0;
  let ready: Lane[] = [];
  let active = 0;

  function pump(): void {
    while (active < concurrency && ready.length > 0 && mayRun()) {
      // Its length was looked at.
      const lane = ready.shift() as Lane;
      lane.state = "running";
      active++;
      const end = (): void => ended(lane);
      void run(lane).then(end, end);
    }
  }

  function ended(lane: Lane): void {
    // A lane that was cleared away is no one's any more.
    if (lanes.get(lane.key) !== lane) return;
    active--;
    lane.state = "idle";
    makeReady(lane);
    if (lane.state === "idle" && !lane.parked) lanes.delete(lane.key);
    pump();
    onEnded();
  }

  function makeReady(lane: Lane): void {
    if (lane.state !== "idle" || !hasWork(lane, system.now())) return;
    lane.state = "ready";
    ready.push(lane);
  }

  function park(lane: Lane, parked: Parked): void {
    if (!lane.parked) parkedCount++;
    lane.parked = parked;
    lane.cancel();
    const delayMs = parked.retryAt - system.now();
    if (delayMs <= 0) return makeReady(lane);
    lane.cancel = system.after(delayMs, () => {
      // Timers fire up to a millisecond early, and clocks are set back: nothing else would come back to it.
      parked.retryAt = Math.min(parked.retryAt, system.now());
      makeReady(lane);
      pump();
      onRetry();
    });
  }

  return {
    park,
    unpark(lane) {
      if (lane.parked) parkedCount--;
      lane.parked = undefined;
    },
    of(stream, id) {
      const key = stream ? streamKey(stream) : `#${id}`;
      const found = lanes.get(key);
      if (found) return found;
      const lane: Lane = { key, items: [], messages: [], parked: undefined, state: "idle", cancel: () => {} };
      lanes.set(key, lane);
      return lane;
    },
    find: (stream) => lanes.get(streamKey(stream)),
    makeReady,
    pump,
    clear() {
      for (const lane of lanes.values()) lane.cancel();
      lanes = new Map();
      ready = [];
      active = 0;
      parkedCount = 0;
    },
    get active() {
      return active;
    },
    get waiting() {
      return ready.length;
    },
    get size() {
      return lanes.size;
    },
    oldest(cameAt) {
      let oldest: number | undefined;
      for (const { items, messages, parked } of lanes.values()) {
        const parkedAt = parked && (parked.since ?? parked.failures?.since);
        for (const at of [items[0]?.record.time, messages[0] && cameAt(messages[0]), parkedAt]) {
          if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
        }
      }
      return oldest;
    },
    get parked() {
      return parkedCount;
    },
  };
}

function hasWork({ messages, items, parked }: Lane, now: number): boolean {
  return messages.length > 0 || (parked ? parked.retryAt <= now : items.length > 0);
}
