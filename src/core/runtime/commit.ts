import { HoldfastError, isHoldfastError } from "../errors.ts";
import { keysOf } from "../journal/format.ts";
import { lookUp, remember, standingInMemory } from "../journal/key-window.ts";
import type { Key } from "../journal/keys.ts";
import type { Append, AppendResult, StoredRecord, StreamId } from "../journal/port.ts";
import { adopt, applyEntry, applyTail, chainBroken, describe, loadLive, type Live } from "./live.ts";
import type { CommandItem, Item } from "./requests.ts";
import { decideRound, type Round } from "./round.ts";
import type { CommitPorts, Target } from "./ports.ts";
import type { System } from "./system.ts";

/**
 * Settles a group of commands and views that wait for the same entity: decides them in order, appends all that is to
 * be stored as one record, answers. An append proves that the cached state was current; where nothing is appended, a
 * strong read that began after the requests arrived does. If the stream has moved, everything is decided anew.
 * Every item is settled when the promise resolves, but for those that were handed to `prepare`.
 */
export async function settleGroup(ports: CommitPorts, target: Target, group: readonly Item[]): Promise<void> {
  const { definition, stream } = target;
  let waiting = group;
  let conflicts = 0;
  // True while the cached state is known to have been current at a time after the requests arrived.
  let current = false;
  while (waiting.length > 0) {
    let live = ports.cached(target.key);
    if (live === undefined) {
      live = await loadLive(ports.journal, definition, stream, ports.system.now(), ports.limits.keys);
      current = true;
      ports.system.telemetry?.loaded(definition.name, live.sequence - live.snapshotAt);
      ports.keep(live);
    }
    const asked = keysToAsk(live, waiting);
    if (asked.length > 0) await askJournal(ports, live, asked);
    const round = decideRound(ports, live, waiting);
    const settled: Settled = round.append
      ? await commit(ports, live, round, round.append)
      : await confirm(ports, live, round, current);
    waiting = [...settled.again, ...round.left];
    current = settled.current;
    if (!settled.conflict) continue;
    ports.conflict(stream);
    if (++conflicts > ports.limits.conflictsMax) {
      throw new HoldfastError(
        "overloaded",
        `${describe(stream)} is written by others so often that ${conflicts} attempts were too few.`,
        { retry: "later", retryAfterMs: 1_000 },
      );
    }
    if (conflicts > 1) await pause(ports.system, Math.min(100, 2 ** conflicts) * ports.system.random());
  }
}

interface Keyed extends CommandItem {
  readonly key: Key;
}

/**
 * Notes where the items' keys stand as far as memory can tell; returns those that the journal must be asked about.
 * Anew in every round: what was unused before may have been stored since, and have left memory with a snapshot.
 */
function keysToAsk(live: Live, items: readonly Item[]): readonly Keyed[] {
  const asked: Keyed[] = [];
  for (const item of items) {
    if (item.kind !== "command" || item.key === undefined) continue;
    item.standing = standingInMemory(live.keys, item.key);
    // Narrowed by the check above.
    if (item.standing === undefined) asked.push(item as Keyed);
  }
  return asked;
}

/** One read for the whole group. */
async function askJournal(ports: CommitPorts, live: Live, items: readonly Keyed[]): Promise<void> {
  const found = await lookUp(
    ports.journal,
    live.stream,
    live.keys,
    items.map(({ key }) => key),
  );
  for (const [i, item] of items.entries()) item.standing = found[i] ?? "unused";
}

/** What became of a round. */
interface Settled {
  /** To be decided again. */
  readonly again: readonly Item[];
  /** Whether the cached state is now known to be current. */
  readonly current: boolean;
  readonly conflict: boolean;
}

/** Appends the round's record, then answers. */
async function commit(ports: CommitPorts, live: Live, round: Round, append: Append): Promise<Settled> {
  let tail: readonly StoredRecord[] = [];
  const appended = ports.backlog.append(round.entries.length);
  try {
    const result = await appendSettled(ports, append);
    appended();
    if (result === "unknown") throw outcomeUnknown(live.stream);
    if (result === "taken") tail = await readTail(ports, live);
    if (result === "taken" && tail[0]?.id !== append.record.id) {
      moveOn(ports, live, tail);
      return { again: round.answers.map(({ item }) => item), current: true, conflict: true };
    }
  } catch (error) {
    appended();
    // What was not to be stored rests on the state alone and is looked at again; a stream that has lost its end, from
    // the start.
    if (isHoldfastError(error, "outcome-unknown") || isHoldfastError(error, "journal-corrupt")) ports.drop(live);
    return { again: failEntries(round, error), current: false, conflict: false };
  }
  adopt(live, append.record, round.state);
  remember(live.keys, keysOf(round.entries, append.record.time), append.record.sequence);
  for (const entry of round.entries) applyEntry(live, entry);
  for (const answer of round.answers) answer.give();
  // Where the slot was taken by ourselves (the SDK retried after a lost answer), others may have followed.
  moveOn(ports, live, tail.slice(1));
  ports.stored(live);
  return { again: [], current: true, conflict: false };
}

/** The records behind a slot that was taken, perhaps by us: if it cannot be seen, nothing is certain. */
async function readTail(ports: CommitPorts, live: Live): Promise<readonly StoredRecord[]> {
  try {
    return (await ports.journal.load(live.stream, live.sequence)).records;
  } catch (cause) {
    throw outcomeUnknown(live.stream, cause);
  }
}

/** Nothing is appended: a strong read has to show that the answers rest on the present. */
async function confirm(ports: CommitPorts, live: Live, round: Round, current: boolean): Promise<Settled> {
  if (!current && round.answers.length > 0) {
    const { records } = await ports.journal.load(live.stream, live.sequence);
    if (records.length > 0) {
      moveOn(ports, live, records);
      return { again: round.answers.map(({ item }) => item), current: true, conflict: true };
    }
  }
  for (const answer of round.answers) answer.give();
  return { again: [], current: true, conflict: false };
}

/** Folds what others have appended. Where that fails the cache is worthless, and the next load says why. */
function moveOn(ports: CommitPorts, live: Live, tail: readonly StoredRecord[]): void {
  try {
    if (applyTail(live, tail) !== chainBroken) return ports.keep(live);
  } catch (error) {
    ports.system.log.warn({ stream: live.stream, error }, "the tail could not be folded");
  }
  ports.drop(live);
}

/** Fails what was to be stored; returns the other items. */
function failEntries(round: Round, error: unknown): readonly Item[] {
  const again: Item[] = [];
  for (const { item, ofEntry } of round.answers) {
    if (ofEntry) item.reject(error);
    else again.push(item);
  }
  return again;
}

/**
 * Appends, and tries the same record again while the outcome is unknown: the slot shows sooner or later whether it
 * was taken by it. Answers `unknown` when the time for that is over.
 */
export async function appendSettled(
  ports: Pick<CommitPorts, "journal" | "system" | "limits">,
  append: Append,
): Promise<AppendResult> {
  const { journal, system, limits } = ports;
  const until = system.now() + limits.settleMs;
  for (let attempt = 1; ; attempt++) {
    let result: AppendResult;
    try {
      result = await journal.append(append);
    } catch (error) {
      // An earlier attempt may have landed: from then on nothing is certain but a sight of the slot.
      if (attempt === 1 && isHoldfastError(error) && error.code !== "outcome-unknown") throw error;
      system.log.warn({ stream: append.stream, error }, "append failed in an unknown way");
      result = "unknown";
    }
    if (result !== "unknown" || system.now() >= until) return result;
    await pause(system, Math.min(1_000, 10 * 2 ** attempt) * (0.5 + system.random() / 2));
  }
}

function pause(system: System, ms: number): Promise<void> {
  return new Promise((resolve) => void system.after(ms, resolve));
}

function outcomeUnknown(stream: StreamId, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "outcome-unknown",
    `It is not known whether the command to ${describe(stream)} was stored. Retry with the same idempotency key.`,
    { retry: "later", retryAfterMs: 1_000, cause },
  );
}
