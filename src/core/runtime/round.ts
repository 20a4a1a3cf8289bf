import { validationError } from "../entity/schema.ts";
import { HoldfastError } from "../errors.ts";
import { jsonBytes, type JsonValue } from "../json.ts";
import { encodeEntries, encodeEntry, type Entry } from "../journal/format.ts";
import type { Append } from "../journal/port.ts";
import { decideCommand, type Decided } from "./decide.ts";
import type { Limits } from "./limits.ts";
import { bytesOfTimers, describe, erasedError, timersAfter, type Live } from "./live.ts";
import type { CommitPorts } from "./ports.ts";
import { replay, reusedError } from "./replay.ts";
import type { CommandItem, Item, Outcome, ViewItem } from "./requests.ts";

/** One answer of a round: given once everything that it rests on is durable and current. */
export interface Answer {
  readonly item: Item;
  give(): void;
  /** True if it is the answer of a stored entry, or of a duplicate of one in the same round. */
  readonly ofEntry: boolean;
}

/** A group decided in memory, one after the other, on the state at `live.sequence`. */
export interface Round {
  readonly answers: readonly Answer[];
  /** Did not fit into the record. */
  readonly left: readonly Item[];
  readonly append: Append | undefined;
  readonly entries: readonly Entry[];
  readonly state: JsonValue;
}

/** A round while it is being decided. */
interface Draft {
  /** Time of the record. */
  readonly now: number;
  readonly answers: Answer[];
  readonly entries: Entry[];
  readonly encoded: string[];
  /** Keys that the round's own entries consume, by hash. */
  readonly taken: Map<string, { readonly fingerprint: string | undefined; readonly outcome: Outcome }>;
  state: JsonValue;
  version: number;
  /** Of the record. */
  bytes: number;
  timers: Live["timers"];
  timerBytes: number;
}

/**
 * Decides the items in order, each on the state that its predecessors leave, until the record is full. Nothing of it
 * has happened yet. Items that need no place in the group (a replay, a `prepare`) leave it here.
 */
export function decideRound(ports: CommitPorts, live: Live, items: readonly Item[]): Round {
  const draft: Draft = {
    now: Math.max(ports.system.now(), live.time),
    answers: [],
    entries: [],
    encoded: [],
    taken: new Map(),
    state: live.state,
    version: live.version,
    bytes: 2,
    timers: live.timers,
    timerBytes: live.timerBytes,
  };
  let at = 0;
  for (; at < items.length; at++) {
    const item = items[at] as Item;
    if (live.erased) refuse(draft, item, erasedError(live.stream));
    else if (item.kind === "view") answerView(draft, item);
    else if (!settledWithoutDeciding(ports, live, draft, item) && !decide(ports, live, draft, item)) break;
  }
  return {
    answers: draft.answers,
    left: items.slice(at),
    append: appendOf(live, draft),
    entries: draft.entries,
    state: draft.state,
  };
}

function appendOf(live: Live, { entries, encoded, now, version }: Draft): Append | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  const record = {
    sequence: live.sequence + 1,
    id: first.id,
    previous: live.recordId,
    time: now,
    version,
    entries: encodeEntries(encoded),
  };
  return { stream: live.stream, record };
}

function refuse(draft: Draft, item: Item, error: unknown): void {
  draft.answers.push({ item, ofEntry: false, give: () => item.reject(error) });
}

function answerView(draft: Draft, item: ViewItem): void {
  const { state, version, timers } = draft;
  draft.answers.push({ item, ofEntry: false, give: () => item.resolve({ state, version, timers }) });
}

/** True for a command that ends, or leaves the group, before it comes to a decision. */
function settledWithoutDeciding(ports: CommitPorts, live: Live, draft: Draft, item: CommandItem): boolean {
  const { key, command } = item;
  if (item.deadline < ports.system.now()) {
    item.reject(deadlineError(command.name));
    return true;
  }
  const twin = key && draft.taken.get(key.hash);
  if (twin) {
    const same = twin.fingerprint === item.fingerprint;
    const give = same ? () => item.resolve({ ...twin.outcome, replayed: true }) : () => item.reject(reusedError(item));
    draft.answers.push({ item, ofEntry: true, give });
    return true;
  }
  // A conflict may have brought the key into the tail since the journal was asked.
  const standing = key && (live.keys.recent.get(key.hash)?.sequence ?? item.standing);
  if (typeof standing === "number") {
    void replay(ports.journal, live.stream, item, standing);
    return true;
  }
  const obstacle = standing === "expired" ? expiredError(item) : obstacleOf(live, item, draft);
  if (obstacle) {
    refuse(draft, item, obstacle);
    return true;
  }
  if (command.prepare === undefined || item.prepared !== undefined) return false;
  item.prepared = "running";
  ports.prepare(live, item);
  return true;
}

/** Decides a command and adds what is to be stored. False if the record is full: it belongs into the next one. */
function decide(ports: CommitPorts, live: Live, draft: Draft, item: CommandItem): boolean {
  const { state, version, now } = draft;
  try {
    const standing = { definition: live.definition, id: live.stream.id, state, version, now };
    const decided = decideCommand(item, standing, ports.system.newId);
    const outcome = outcomeOf(decided, version);
    if (decided.entry && !add(draft, live, item, decided, decided.entry, ports.limits)) return false;
    // A rejection that is only audited consumes no key.
    if (decided.entry?.key !== undefined)
      draft.taken.set(decided.entry.key, { fingerprint: item.fingerprint, outcome });
    draft.answers.push({ item, ofEntry: decided.entry !== undefined, give: () => item.resolve(outcome) });
  } catch (error) {
    refuse(draft, item, error);
  }
  return true;
}

function outcomeOf({ rejection, reply, version }: Decided, before: number): Outcome {
  if (rejection === undefined) return { ok: true, reply, version, replayed: false };
  const { code, message, status } = rejection;
  return { ok: false, code, message, status, version: before, replayed: false };
}

/** @throws HoldfastError for what is too large, whatever else the record holds */
function add(draft: Draft, live: Live, item: CommandItem, decided: Decided, entry: Entry, limits: Limits): boolean {
  const text = encodeEntry(entry);
  const size = Buffer.byteLength(text) + 1;
  const timers = timersAfter(draft.timers, entry);
  const timerBytes = timers === draft.timers ? draft.timerBytes : bytesOfTimers(timers.values());
  const stateBytes = jsonBytes(decided.state) + timerBytes;
  checkSize(live, item, entry, { size, stateBytes, timers: timers === draft.timers ? 0 : timers.size }, limits);
  if (draft.bytes + size > limits.recordBytesMax || draft.entries.length === limits.groupMax) return false;
  draft.bytes += size;
  draft.timers = timers;
  draft.timerBytes = timerBytes;
  draft.entries.push(entry);
  draft.encoded.push(text);
  draft.state = decided.state;
  draft.version = decided.version;
  return true;
}

/** What stands in a command's way before it is decided, in the order of the HTTP contract. */
function obstacleOf(live: Live, item: CommandItem, { version, timers }: Draft): HoldfastError | undefined {
  const { command, validated, expectedVersion, timer } = item;
  if (timer && timers.get(timer.name)?.generation !== timer.generation) {
    return new HoldfastError(
      "timer-superseded",
      `Timer "${timer.name}" of ${describe(live.stream)} was set anew or cancelled.`,
      {
        retry: "reload",
      },
    );
  }
  if (validated.issues) return validationError(`${live.definition.name}.${command.name}`, validated.issues);
  const matches = expectedVersion === "existing" ? version > 0 : expectedVersion === version;
  if (expectedVersion !== undefined && !matches) {
    return new HoldfastError(
      "version-mismatch",
      expectedVersion === "existing"
        ? `${describe(live.stream)} does not exist, and ${command.name} was to run only if it does.`
        : `${describe(live.stream)} is at version ${version}, not ${expectedVersion}; read it again.`,
      { retry: "reload" },
    );
  }
  if (version === 0 && live.definition.startsWith && !live.definition.startsWith.has(command.name)) {
    const starts = [...live.definition.startsWith].join(" or ");
    return new HoldfastError("not-found", `${describe(live.stream)} does not exist; ${starts} would begin it.`);
  }
  return undefined;
}

/**
 * What is too large is refused before anything of it is stored.
 * @throws HoldfastError `event-too-large`, `record-too-large`, `entity-too-large`, `too-many-timers`
 */
function checkSize(
  live: Live,
  item: CommandItem,
  entry: Entry,
  found: { readonly size: number; readonly stateBytes: number; readonly timers: number },
  limits: Limits,
): void {
  const what = `${live.definition.name}.${item.command.name}`;
  for (const { type, data } of found.size > limits.eventBytesMax ? (entry.events ?? []) : []) {
    const bytes = jsonBytes(data);
    if (bytes <= limits.eventBytesMax) continue;
    throw new HoldfastError(
      "event-too-large",
      `${what} would store event "${type}" of ${bytes} bytes; ${limits.eventBytesMax} are allowed.`,
    );
  }
  if (found.size + 2 > limits.recordBytesMax) {
    throw new HoldfastError(
      "record-too-large",
      `${what} would store a record of ${found.size} bytes; ${limits.recordBytesMax} are allowed.`,
    );
  }
  if (found.timers > limits.timersMax) {
    throw new HoldfastError("too-many-timers", `${what} would set more than ${limits.timersMax} timers.`);
  }
  if (found.stateBytes > limits.stateBytesMax) {
    throw new HoldfastError(
      "entity-too-large",
      `${what} would grow state and timers of ${describe(live.stream)} to ${found.stateBytes} bytes; ${limits.stateBytesMax} are allowed.`,
    );
  }
}

export function deadlineError(command: string): HoldfastError {
  return new HoldfastError("deadline-exceeded", `The deadline of ${command} passed; it was not run.`, {
    retry: "later",
    retryAfterMs: 1_000,
  });
}

function expiredError(item: CommandItem): HoldfastError {
  return new HoldfastError(
    "idempotency-key-expired",
    `The idempotency key is older than what is remembered; ${item.command.name} may have run before, so it is not run again.`,
  );
}
