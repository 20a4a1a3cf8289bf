import type { Journal, StoredRecord } from "../journal/port.ts";
import type { About } from "../messaging/handler.ts";
import { verdictOf, type DeliveryPolicy, type Failures } from "../messaging/policy.ts";
import type { System } from "../runtime/system.ts";
import { createCursor } from "./cursor.ts";
import { createLanes, type Lane, type Parked } from "./lanes.ts";
import type {
  Change,
  MessageStore,
  PositionedRecord,
  QueuedMessage,
  Reason,
  Reference,
  StoreListener,
  Taken,
} from "./port.ts";
import { createProgress, leaseMs } from "./progress.ts";
import { readable, reasonOf } from "./reason.ts";
import type { Done, DueAgain, Work } from "./work.ts";

/** What became of an attempt. */
type Result =
  | {
      readonly kind: "done";
      readonly failures: undefined;
      readonly due: number | undefined;
      readonly body: string | undefined;
    }
  | { readonly kind: "retry"; readonly failures: Failures; readonly due: number; readonly body: undefined }
  | {
      readonly kind: "dead";
      readonly failures: Failures;
      readonly reason: Reason;
      readonly due: undefined;
      readonly body: undefined;
    };

interface Found {
  readonly at: Reference;
  readonly record: StoredRecord;
}

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

/** Records looked at, and messages read, at once. */
const batchMax = 256;
/** Items in memory per consumer, and the bytes of their records; beyond them the cursor waits. */
const itemsMax = 2_048;
const itemBytesMax = 16 * 1024 * 1024;
/** Messages in memory per consumer; beyond them the rest waits in rows. */
const messagesMax = 1_024;
/** Changes that wait to be stored; beyond them the cursor waits. */
const changesMax = 2_048;
/** Streams of one consumer that wait for a retry; beyond them the cursor waits: everything fails, it seems. */
const parkedMax = 10_000;
/** Records without work after which the cursor is stored all the same. */
const idleRecordsMax = 10_000;
/** Longest wait for a retry after a takeover, milliseconds: no row, only a clock that was set back, says more. */
const retryMaxMs = 300_000;
/** Longest sleep, milliseconds: that soon a clock that was set is noticed. */
const sleepMaxMs = 60_000;

const nothing: readonly never[] = [];

/**
 * One consumer in one process. One process at a time owns it, by a lease: it reads the journal in commit order, runs
 * what it picks, in order and one at a time for each stream, up to `concurrency` streams at once, and stores how far it
 * got. What fails is parked in a row of its stream, which then follows the journal by itself until it has caught up, so
 * that the others go on. Progress of a process that is no longer the owner is refused as a whole.
 */
export function createConsumer(spec: ConsumerSpec, { store, journal, system }: ConsumerPorts): Consumer {
  const { name, policy, pick, absorb } = spec;
  const { log } = system;
  const cursor = createCursor();
  const rows = new Set<number>();
  let stop = new AbortController();
  let turning: Promise<void> | undefined;
  let again = false;
  let messagesAt = 0;
  let handled = false;
  let over = false;
  /** Reading on was left for lack of room. */
  let full = false;
  /** More messages are due than there is room for. */
  let overfull = false;
  let closing = false;
  let cancelSleep = (): void => {};
  let forgetAge: (() => void) | undefined;
  let cancelRenewal: (() => void) | undefined;
  const end = spec.end?.position ?? Infinity;
  const whenQuiet: (() => void)[] = [];
  /** Messages that wait for another attempt, and since when they should be done; for telemetry, as many as fit. */
  const retrying = new Map<number, number>();
  const cameAt = spec.since ?? (({ created }: QueuedMessage) => created);

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
      if (overfull && rows.size < messagesMax / 2) {
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
    now: system.now,
    // What is noted is bounded, too: a stream that catches up notes each step.
    mayRun: () => !closing && progress.isOwner() && progress.noted < changesMax,
    run: serve,
    onEnded() {
      // That may have been the last of it.
      if (spec.end && !over) wake("records");
      checkQuiet();
    },
  });

  /** What is in memory is worthless. */
  function forget(): void {
    stop.abort();
    stop = new AbortController();
    lanes.clear();
    rows.clear();
    retrying.clear();
    overfull = false;
    over = false;
  }

  function adopt({ position, parked }: Taken): void {
    forget();
    cursor.reset(position);
    for (const { at, through, failures, due } of parked) {
      park(lanes.of(at.stream), { at, through, failures, retryAt: Math.min(due, system.now() + retryMaxMs) });
    }
    const begun = spec.begin?.(system.now()) ?? nothing;
    progress.note(...begun);
    if (begun.length > 0) progress.flush();
    wake("messages");
  }

  // Looking for work.

  function wake(what: "records" | "messages", records?: readonly PositionedRecord[]): void {
    if (closing || (records && take(records))) return;
    if (what === "messages") messagesAt = 0;
    again = true;
    turning ??= turn().finally(() => {
      turning = undefined;
      // Something came after the last look.
      if (again) wake("records");
      checkQuiet();
    });
  }

  /** Takes records that follow what was read. False if there is more to it: then they are read like all others. */
  function take(records: readonly PositionedRecord[]): boolean {
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
    const limit = batchMax + rows.size;
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
    if (rows.size < messagesMax) again = true;
    else overfull = true;
  }

  /** Reads on to the end of the journal, as far as there is room. */
  async function readOn(): Promise<void> {
    if (!pick && !absorb) return;
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
      if (records.length < batchMax) await endIfOver();
      if (records.length === 0) return;
      lanes.pump();
      if (cursor.done - progress.stored >= idleRecordsMax && (await progress.own())) progress.flush();
    }
  }

  /** False if there is something to do and the consumer is not ours. */
  function pickFrom(positioned: PositionedRecord): boolean {
    const picked = pick?.(positioned) ?? nothing;
    const absorbed = absorb?.(positioned) ?? nothing;
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
    if (lane.parked) {
      lane.parked.through = record.sequence;
      return;
    }
    const ticket = cursor.begin(position, record.entries.length);
    lane.items.push({ at: { stream, sequence: record.sequence, n }, record, ticket });
    lanes.makeReady(lane);
  }

  // Working.

  /** Handles the lane's next item. */
  async function serve(lane: Lane): Promise<void> {
    const { signal } = stop;
    renewLater();
    const [message] = lane.messages;
    try {
      if (message) await serveMessage(lane, message, signal);
      else if (lane.parked) await serveParked(lane, lane.parked, signal);
      else await serveItem(lane, signal);
    } catch (error) {
      if (signal.aborted) return;
      // No handler's failure: the journal could not be read, or the logger has thrown. The lane waits, whatever it was.
      await new Promise<void>((resolve) => void system.after(1_000, resolve));
      if (signal.aborted) return;
      log.warn({ consumer: name, lane: lane.key, error }, `${name} could not go on; it tries again`);
    }
    if (signal.aborted) return;
    progress.flushSoon();
    if (full && cursor.open < itemsMax / 2) wake("records");
  }

  async function serveItem(lane: Lane, signal: AbortSignal): Promise<void> {
    const [item] = lane.items;
    if (item === undefined) return;
    const result = await attempt({ reference: item.at, record: item.record }, undefined, signal);
    if (signal.aborted) return;
    if (result.kind !== "retry") {
      if (result.kind === "dead") noteDead(item.at, result);
      lane.items.shift();
      return cursor.end(item.ticket);
    }
    const { failures, due } = result;
    progress.note({ kind: "park", at: item.at, failures, due });
    // The row is responsible for all of them as soon as it is stored, together with the cursor.
    const through = lane.items.at(-1)?.at.sequence ?? item.at.sequence;
    for (const { ticket } of lane.items.splice(0)) cursor.end(ticket);
    park(lane, { at: item.at, through, failures, retryAt: due, since: item.record.time });
  }

  async function serveParked(lane: Lane, parked: Parked, signal: AbortSignal): Promise<void> {
    const next = await findNext(parked);
    if (signal.aborted) return;
    if ("upTo" in next) {
      // The cursor may have left it more in the meantime: it looks again.
      if (parked.through > next.upTo) return;
      lane.parked = undefined;
      return progress.note({ kind: "unpark", stream: parked.at.stream });
    }
    const { at, record } = next;
    parked.since = record.time;
    const result = await attempt({ reference: at, record }, parked.failures, signal);
    if (signal.aborted) return;
    if (result.kind === "retry") {
      const { failures, due } = result;
      progress.note({ kind: "park", at, failures, due });
      return park(lane, { ...parked, at, failures, retryAt: due });
    }
    if (result.kind === "dead") noteDead(at, result);
    parked.at = { ...at, n: at.n + 1 };
    parked.failures = undefined;
    progress.note({ kind: "park", at: parked.at, failures: undefined, due: system.now() });
  }

  /** The parked lane's next item, or up to which sequence there is none. */
  async function findNext(parked: Parked): Promise<Found | { readonly upTo: number }> {
    const { stream, sequence, n } = parked.at;
    // Mostly it is among the first few; where it is not, there may be none for long.
    for (let after = sequence - 1, limit = 4; ; limit = Math.min(4 * limit, batchMax)) {
      const records = await journal.history(stream, { after, limit });
      for (const record of records) {
        if (record.sequence > parked.through) return { upTo: parked.through };
        const first = record.sequence === sequence ? n : 1;
        const next = pick?.({ stream, record }).find((candidate) => candidate >= first);
        if (next !== undefined) return { at: { stream, sequence: record.sequence, n: next }, record };
        after = record.sequence;
      }
      if (records.length < limit) return { upTo: after };
    }
  }

  async function serveMessage(lane: Lane, message: QueuedMessage, signal: AbortSignal): Promise<void> {
    const { id, stream, sequence, n } = message;
    const reference = stream && sequence !== undefined && n !== undefined ? { stream, sequence, n } : undefined;
    const result = await attempt({ reference, message }, message.failures, signal);
    if (signal.aborted) return;
    lane.messages.shift();
    retrying.delete(id);
    if (result.kind === "retry" && retrying.size < parkedMax) {
      retrying.set(id, cameAt(message) ?? result.failures.since);
    }
    // A row that was armed again in the meantime stays.
    const armed = n === undefined ? sequence : undefined;
    const { failures } = result;
    if (result.kind === "dead") {
      buryMessage(message, result, armed);
    } else if (result.kind === "done" && result.due === undefined) {
      progress.note({ kind: "delete", id, sequence: armed });
    } else {
      progress.note({ kind: "postpone", id, due: result.due ?? 0, body: result.body, failures, sequence: armed });
    }
  }

  function buryMessage(
    message: QueuedMessage,
    { failures, reason }: Result & { kind: "dead" },
    sequence: number | undefined,
  ): void {
    const now = system.now();
    const { id } = message;
    const next = spec.bury?.(message, now);
    if (next === undefined) return progress.note({ kind: "bury", id, failures, reason, sequence });
    const { name: _name, ...copy } = message;
    progress.note(
      { kind: "dead", message: { ...copy, created: now }, failures, reason },
      { kind: "postpone", id, ...next, failures: undefined },
    );
  }

  async function attempt(
    work: Omit<Work, "attempt" | "stop" | "about">,
    before: Failures | undefined,
    signal: AbortSignal,
  ): Promise<Result> {
    handled = true;
    const about: About = {};
    try {
      const done = await spec.run({ ...work, attempt: (before?.attempts ?? 0) + 1, stop: signal, about });
      if (done?.changes && !signal.aborted) progress.note(...done.changes);
      return { kind: "done", failures: undefined, due: done?.again?.due, body: done?.again?.body };
    } catch (thrown) {
      const error = readable(thrown);
      const now = system.now();
      const verdict = verdictOf(error, before, policy, now, system.random);
      const { failures } = verdict;
      const reason = reasonOf(error);
      const { stream, sequence, n } = work.reference ?? {};
      const { attempts } = failures;
      const fields = { consumer: name, ...about, stream, sequence, n, attempts, code: reason.code, error };
      if (signal.aborted) return { kind: "retry", failures, due: now, body: undefined };
      if (verdict.kind === "dead") {
        // A replay's own name is one of any number.
        system.telemetry?.deadLetter(spec.deadLetters?.consumer ?? name, reason.code);
        log.error(fields, `${name} gives a message up (${reason.code}); it is among the dead letters`);
        return { kind: "dead", failures, reason, due: undefined, body: undefined };
      }
      log.warn(fields, `${name} failed (${reason.code}); it tries again in ${verdict.delayMs} ms`);
      return { kind: "retry", failures, due: now + verdict.delayMs, body: undefined };
    }
  }

  function noteDead({ stream, sequence, n }: Reference, { failures, reason }: Result & { kind: "dead" }): void {
    const { consumer, again } = spec.deadLetters ?? {};
    const message = { stream, sequence, n, created: system.now(), ...(again !== undefined && { again }) };
    progress.note({ kind: "dead", consumer, message, failures, reason });
  }

  function park(lane: Lane, parked: Parked): void {
    lane.parked = parked;
    lane.cancel();
    const delayMs = parked.retryAt - system.now();
    if (delayMs <= 0) return lanes.makeReady(lane);
    lane.cancel = system.after(delayMs, () => {
      // Timers fire up to a millisecond early, and clocks are set back: nothing else would come back to it.
      parked.retryAt = Math.min(parked.retryAt, system.now());
      lanes.makeReady(lane);
      lanes.pump();
      // Its lease may have ended while nothing ran.
      if (!progress.isOwner()) wake("messages");
    });
  }

  /** For telemetry. */
  function oldestMs(): number | undefined {
    // Somebody else's.
    if (!progress.isOwner() && progress.heldUntil > system.now()) return undefined;
    let oldest = lanes.oldest(cameAt) ?? Infinity;
    for (const at of retrying.values()) oldest = Math.min(oldest, at);
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
