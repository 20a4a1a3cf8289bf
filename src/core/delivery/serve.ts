import type { Journal, StoredRecord } from "../journal/port.ts";
import type { Failures } from "../messaging/policy.ts";
import type { System } from "../runtime/system.ts";
import { attempt, type Result } from "./attempt.ts";
import type { Cursor } from "./cursor.ts";
import type { Lane, Lanes, Parked } from "./lanes.ts";
import { batchMax, parkedMax } from "./limits.ts";
import type { PositionedRecord, QueuedMessage, Reference } from "./port.ts";
import type { Progress } from "./progress.ts";
import type { ConsumerSpec, Work } from "./spec.ts";

export interface ServingPorts {
  readonly spec: ConsumerSpec;
  readonly journal: Journal;
  readonly system: System;
  readonly cursor: Cursor;
  readonly progress: Progress;
  readonly lanes: Lanes;
}

/** What handles the items of lanes. */
export interface Serving {
  /** Handles the lane's next item and notes what became of it. Once `signal` is aborted, nothing is noted any more. */
  serve(lane: Lane, signal: AbortSignal): Promise<void>;
  /** Messages that wait for another attempt, and since when they should be done; for telemetry, as many as fit. */
  readonly retrying: Map<number, number>;
  /** Since when a message should be done, epoch milliseconds. */
  cameAt(message: QueuedMessage): number | undefined;
}

interface Found {
  readonly at: Reference;
  readonly record: StoredRecord;
}

export function createServing({ spec, journal, system, cursor, progress, lanes }: ServingPorts): Serving {
  const { name } = spec;
  const retrying = new Map<number, number>();
  const cameAt = spec.since ?? (({ created }: QueuedMessage) => created);

  /** One that cannot be read is an item of work: it becomes a dead letter. */
  function pick(record: Omit<PositionedRecord, "position">): readonly number[] {
    try {
      return spec.pick?.(record) ?? [];
    } catch {
      return [1];
    }
  }

  async function serve(lane: Lane, signal: AbortSignal): Promise<void> {
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
      system.log.warn({ consumer: name, lane: lane.key, error }, `${name} could not go on; it tries again`);
    }
  }

  async function attemptAt(work: Omit<Work, "attempt" | "about">, before: Failures | undefined): Promise<Result> {
    const result = await attempt(spec, system, work, before);
    if (result.kind === "done" && !work.stop.aborted) progress.note(...result.changes);
    return result;
  }

  async function serveItem(lane: Lane, signal: AbortSignal): Promise<void> {
    const [item] = lane.items;
    if (item === undefined) return;
    const result = await attemptAt({ reference: item.at, record: item.record, stop: signal }, undefined);
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
    lanes.park(lane, { at: item.at, through, failures, retryAt: due, since: item.record.time });
  }

  async function serveParked(lane: Lane, parked: Parked, signal: AbortSignal): Promise<void> {
    const next = await findNext(parked);
    if (signal.aborted) return;
    if ("upTo" in next) {
      // The cursor may have left it more in the meantime: it looks again.
      if (parked.through > next.upTo) return;
      lanes.unpark(lane);
      return progress.note({ kind: "unpark", stream: parked.at.stream });
    }
    const { at, record } = next;
    parked.since = record.time;
    // Where newer code does not want what has failed, that is not the failure of what comes behind it.
    const isSame = at.sequence === parked.at.sequence && at.n === parked.at.n;
    const result = await attemptAt({ reference: at, record, stop: signal }, isSame ? parked.failures : undefined);
    if (signal.aborted) return;
    if (result.kind === "retry") {
      const { failures, due } = result;
      progress.note({ kind: "park", at, failures, due });
      return lanes.park(lane, { ...parked, at, failures, retryAt: due });
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
        const next = pick({ stream, record }).find((candidate) => candidate >= first);
        if (next !== undefined) return { at: { stream, sequence: record.sequence, n: next }, record };
        after = record.sequence;
      }
      if (records.length < limit) return { upTo: after };
    }
  }

  async function serveMessage(lane: Lane, message: QueuedMessage, signal: AbortSignal): Promise<void> {
    const { id, stream, sequence, n } = message;
    const reference = stream && sequence !== undefined && n !== undefined ? { stream, sequence, n } : undefined;
    const result = await attemptAt({ reference, message, stop: signal }, message.failures);
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

  function noteDead({ stream, sequence, n }: Reference, { failures, reason }: Result & { kind: "dead" }): void {
    const { consumer, again } = spec.deadLetters ?? {};
    const message = { stream, sequence, n, created: system.now(), ...(again !== undefined && { again }) };
    progress.note({ kind: "dead", consumer, message, failures, reason });
  }

  return { serve, retrying, cameAt };
}
