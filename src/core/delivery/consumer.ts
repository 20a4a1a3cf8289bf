import type { Journal, StreamId } from "../journal/port.ts";
import type { System } from "../runtime/system.ts";
import { createCursor } from "./cursor.ts";
import { createLanes, type Lane } from "./lanes.ts";
import {
  batchMax,
  changesMax,
  messageBatchMax,
  idleRecordsMax,
  itemBytesMax,
  itemsMax,
  messagesMax,
  parkedMax,
  retryMaxMs,
  sleepMaxMs,
} from "./limits.ts";
import type { Change, MessageStore, PositionedRecord, StoreListener, Taken } from "./port.ts";
import { createProgress, leaseMs } from "./progress.ts";
import { lookAt } from "./seen.ts";
import { createServing } from "./serve.ts";
import type { ConsumerSpec } from "./spec.ts";

export interface ConsumerPorts {
  readonly store: MessageStore;
  readonly journal: Journal;
  readonly system: System;
}

export interface Consumer {
  readonly name: string;
  /** Until when another process has it, epoch milliseconds; in the past or 0: nobody else. */
  readonly heldUntil: number;
  /** Registers it, so that nothing that is committed afterwards is missed, and begins. */
  start(): Promise<void>;
  /** Looks for work; `messages`: among what waits in rows, too. Records that are at hand need not be read. */
  readonly wake: StoreListener;
  /** Resolves when nothing is left that is due; true if anything was handled since the last call. */
  idle(): Promise<boolean>;
  /** Begins nothing more, waits that long for what runs, stores how far it got. */
  close(timeoutMs: number): Promise<void>;
}

const nothing: readonly never[] = [];
const stopped = "the consumer is somebody else's, or closes";

/**
 * One consumer in one process. One process at a time owns it, by a lease: it reads the journal in commit order, runs
 * what it picks, in order and one at a time for each stream, up to `concurrency` streams at once, and stores how far it
 * got. What fails is parked in a row of its stream, which then follows the journal by itself until it has caught up, so
 * that the others go on. Progress of a process that is no longer the owner is refused as a whole.
 */
export function createConsumer(spec: ConsumerSpec, { store, journal, system }: ConsumerPorts): Consumer {
  const { name, policy } = spec;
  const { log } = system;
  const cursor = createCursor();
  const rows = new Set<number>();
  /** By lane: the sequence up to which a former owner has done more than the cursor says. */
  const ahead = new Map<string, number>();
  let stop = new AbortController();
  let turning: Promise<void> | undefined;
  let again = false;
  let messagesAt = 0;
  let handled = false;
  let over = false;
  /** Reading on was left for lack of room. */
  let full = false;
  let begun = false;
  /** More messages are due than there is room for. */
  let overfull = false;
  let closing = false;
  let cancelSleep = (): void => {};
  let forgetAge: (() => void) | undefined;
  let cancelRenewal: (() => void) | undefined;
  const end = spec.end?.position ?? Infinity;
  const roomForMessages = Math.max(messagesMax, policy.concurrency);
  const whenQuiet: (() => void)[] = [];

  const progress = createProgress({
    name,
    start: spec.start,
    store,
    system,
    cursor,
    onTaken: adopt,
    onLost() {
      forget();
      wake("messages");
    },
    onStored(changes) {
      for (const change of changes) if ("id" in change && change.kind !== "replayed") rows.delete(change.id);
      if (overfull && rows.size < roomForMessages / 2) {
        overfull = false;
        wake("messages");
      }
      if (changes.some(makesDue)) wake("messages");
      // What waited for room to note changes.
      if (full) wake("records");
      lanes.pump();
    },
    onFlushed: checkQuiet,
  });
  const lanes = createLanes({
    concurrency: policy.concurrency,
    system,
    // What is noted is bounded, too: a stream that catches up notes each step.
    mayRun: () => !closing && progress.isOwner() && progress.noted < changesMax,
    run: serve,
    onRetry() {
      // Its lease may have ended while nothing ran.
      if (!progress.isOwner()) wake("messages");
    },
    onEnded() {
      // That may have been the last of it.
      if (spec.end && !over) wake("records");
      checkQuiet();
    },
  });

  const serving = createServing({ spec, journal, system, cursor, progress, lanes });

  /** What is in memory is worthless. */
  function forget(): void {
    // A reason of its own would cost an exception with its stack, each time.
    stop.abort(stopped);
    stop = new AbortController();
    lanes.clear();
    rows.clear();
    ahead.clear();
    serving.retrying.clear();
    overfull = false;
    over = false;
  }

  function adopt({ position, parked }: Taken): void {
    forget();
    cursor.reset(position);
    for (const { at, through, failures, due } of parked) {
      const lane = lanes.of(at.stream);
      const retryAt = Math.min(due, system.now() + retryMaxMs);
      lanes.park(lane, { at, through: Math.max(through, at.sequence), failures, retryAt });
      // The cursor was held back by others: what it comes to before is done.
      if (at.sequence > through) ahead.set(lane.key, at.sequence);
    }
    const changes = spec.begin?.(system.now()) ?? nothing;
    progress.note(...changes);
    if (changes.length > 0) progress.flush();
    begun = true;
    wake("messages");
  }

  // Looking for work.

  function wake(what: "records" | "messages", records?: readonly PositionedRecord[]): void {
    if (closing || (records && accept(records))) return;
    if (what === "messages") messagesAt = 0;
    again = true;
    turning ??= turn().finally(() => {
      turning = undefined;
      // Something came after the last look.
      if (again) wake("records");
      checkQuiet();
    });
  }

  /** Accepts records that follow what was read. False if there is more to it: then they are read like all others. */
  function accept(records: readonly PositionedRecord[]): boolean {
    if (turning || records[0]?.position !== cursor.read + 1 || cursor.read >= end || !hasRoom()) return false;
    for (const positioned of records) if (!pickFrom(positioned)) return false;
    lanes.pump();
    return cursor.done - progress.stored < idleRecordsMax;
  }

  async function turn(): Promise<void> {
    cancelSleep();
    let next = 0;
    while (again && !closing) {
      again = false;
      try {
        next = await look();
      } catch (error) {
        log.warn({ consumer: name, error }, `${name} could not look for work; it tries again`);
        next = system.now() + 1_000 * (0.5 + system.random());
      }
    }
    const delayMs = Math.min(sleepMaxMs, Math.max(0, next - system.now()));
    if (!closing) cancelSleep = system.after(delayMs, () => wake("messages"));
  }

  /** Answers when to look again. */
  async function look(): Promise<number> {
    if (!progress.isOwner() && progress.heldUntil > system.now()) return progress.heldUntil;
    // It was somebody else's from the start: what it has to begin with is still to be noted.
    if (spec.begin && !begun) await progress.own();
    const { signal } = stop;
    if (messagesAt <= system.now() && !overfull) await lookForMessages();
    if (!signal.aborted) await readOn();
    // What is ready stays so for ever if the lease has ended, and nobody takes it again.
    if (lanes.waiting > 0 && !closing) await progress.own();
    lanes.pump();
    if (progress.heldUntil > system.now()) return progress.heldUntil;
    return overfull ? Infinity : messagesAt;
  }

  async function lookForMessages(): Promise<void> {
    const { signal } = stop;
    const now = system.now();
    // Those that are in memory already are among them.
    const limit = messageBatchMax + rows.size;
    const { messages, nextAt = Infinity, parkedAt = Infinity } = await store.due(name, { now, limit });
    if (signal.aborted) return;
    const fresh = messages.filter(({ id }) => !rows.has(id));
    const owner = progress.isOwner();
    if ((fresh.length > 0 || (!owner && parkedAt <= now)) && !(await progress.own())) return;
    messagesAt = owner ? nextAt : Math.min(nextAt, parkedAt);
    for (const message of fresh) {
      rows.add(message.id);
      const lane = lanes.of(message.stream, message.id);
      lane.messages.push(message);
      lanes.makeReady(lane);
    }
    if (messages.length < limit) return;
    // There are more: at once if there is room, else when what was begun has been stored.
    messagesAt = 0;
    if (rows.size < roomForMessages) again = true;
    else overfull = true;
  }

  /** Reads on to the end of the journal, as far as there is room. */
  async function readOn(): Promise<void> {
    if (!spec.pick && !spec.absorb) return;
    for (;;) {
      full = !hasRoom();
      if (full) return;
      const { signal } = stop;
      const records = cursor.read >= end ? nothing : await store.recordsAfter(cursor.read, batchMax);
      for (const positioned of records) {
        if (signal.aborted) return;
        if (positioned.position > end) break;
        // Taking it may last as long as a lease.
        while (!pickFrom(positioned)) if (!(await progress.own())) return;
      }
      if (signal.aborted) return;
      if (cursor.done - progress.stored >= idleRecordsMax && (await progress.own())) progress.flush();
      lanes.pump();
      // What comes from now on wakes it again.
      if (records.length < batchMax) return endIfOver();
    }
  }

  /** False if there is something to do and the consumer is not ours. */
  function pickFrom(positioned: PositionedRecord): boolean {
    const { picked, absorbed, ends } = lookAt(spec, positioned, log);
    if (ends) dropWhatWaits(positioned.stream);
    if (picked.length + absorbed.length > 0) {
      if (!progress.isOwner()) return false;
      if (absorbed.length > 0) {
        progress.note(...absorbed);
        progress.flush();
      }
      for (const n of picked) enqueue(positioned, n);
    }
    cursor.readTo(positioned.position);
    return true;
  }

  /** What was erased is not handled any more, though it is in memory; but for what runs already. */
  function dropWhatWaits(stream: StreamId): void {
    const lane = lanes.find(stream);
    for (const { ticket } of lane?.items.splice(lane.state === "running" ? 1 : 0) ?? []) cursor.end(ticket);
  }

  async function endIfOver(): Promise<void> {
    if (!spec.end || cursor.done < end || lanes.size > 0 || over) return;
    if (!(await progress.own())) return;
    over = true;
    progress.note(...spec.end.changes());
    progress.flush();
  }

  function hasRoom(): boolean {
    if (closing || progress.noted >= changesMax || lanes.parked >= parkedMax) return false;
    return cursor.open < itemsMax && cursor.openBytes < itemBytesMax;
  }

  function enqueue({ position, stream, record }: PositionedRecord, n: number): void {
    const lane = lanes.of(stream);
    const doneTo = ahead.get(lane.key);
    if (doneTo !== undefined) {
      if (record.sequence <= doneTo) return;
      ahead.delete(lane.key);
    }
    if (lane.parked) {
      lane.parked.through = record.sequence;
      return;
    }
    const ticket = cursor.begin(position, record.entries.length);
    lane.items.push({ at: { stream, sequence: record.sequence, n }, record, ticket });
    lanes.makeReady(lane);
  }

  // Working.

  async function serve(lane: Lane): Promise<void> {
    const { signal } = stop;
    handled = true;
    renewLater();
    await serving.serve(lane, signal);
    if (signal.aborted) return;
    progress.flushSoon();
    if (full && cursor.open < itemsMax / 2) wake("records");
  }

  /** For telemetry. */
  function oldestMs(): number | undefined {
    // Somebody else's.
    if (!progress.isOwner() && progress.heldUntil > system.now()) return undefined;
    let oldest = lanes.oldest(serving.cameAt) ?? Infinity;
    for (const at of serving.retrying.values()) oldest = Math.min(oldest, at);
    return oldest === Infinity ? 0 : system.now() - oldest;
  }

  /** While something runs, the lease is renewed. */
  function renewLater(): void {
    cancelRenewal ??= system.after(leaseMs / 3, () => {
      cancelRenewal = undefined;
      if (lanes.active === 0) return;
      progress.flush();
      renewLater();
    });
  }

  // Stopping.

  const isQuiet = (): boolean =>
    turning === undefined && lanes.active === 0 && (closing || (lanes.waiting === 0 && !progress.busy));

  function checkQuiet(): void {
    if (whenQuiet.length === 0 || !isQuiet()) return;
    for (const resolve of whenQuiet.splice(0)) resolve();
  }

  function quiet(): Promise<void> {
    return new Promise((resolve) => {
      whenQuiet.push(resolve);
      checkQuiet();
    });
  }

  return {
    name,
    get heldUntil() {
      return progress.heldUntil;
    },
    async start() {
      if (!spec.end) forgetAge = system.telemetry?.age(name, oldestMs);
      await progress.own();
      wake("messages");
    },
    wake,
    async idle() {
      wake("messages");
      await quiet();
      progress.flushIfDue();
      await quiet();
      const result = handled;
      handled = false;
      return result;
    },
    async close(timeoutMs) {
      closing = true;
      forgetAge?.();
      cancelSleep();
      let cancel = (): void => {};
      await Promise.race([quiet(), new Promise<void>((resolve) => void (cancel = system.after(timeoutMs, resolve)))]);
      cancel();
      cancelRenewal?.();
      forget();
      await progress.release();
      checkQuiet();
    },
  };
}

/** After which a message may be due that was not before. */
function makesDue(change: Change): boolean {
  return (
    change.kind === "arm" ||
    change.kind === "plan" ||
    change.kind === "postpone" ||
    ((change.kind === "delete" || change.kind === "bury") && change.sequence !== undefined)
  );
}
