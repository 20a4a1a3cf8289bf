import { validationError } from "../entity/schema.ts";
import { HoldfastError } from "../errors.ts";
import { jsonBytes, type JsonValue } from "../json.ts";
import { encodeEntries, encodeEntry, type Entry } from "../journal/format.ts";
import type { Append } from "../journal/port.ts";
import { decideCommand } from "./decide.ts";
import type { Limits } from "./limits.ts";
import { bytesOfTimers, describe, erasedError, type Live } from "./live.ts";
import type { CommitPorts } from "./ports.ts";
import { replay, reusedError } from "./replay.ts";
import type { CommandItem, Item, Outcome } from "./requests.ts";

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

/**
 * Decides the items in order, each on the state that its predecessors leave, until the record is full. Nothing of it
 * has happened yet. Items that need no place in the group (a replay, a `prepare`) leave it here.
 */
export function decideRound(ports: CommitPorts, live: Live, items: readonly Item[]): Round {
  const { limits, system } = ports;
  const answers: Answer[] = [];
  const entries: Entry[] = [];
  const encoded: string[] = [];
  const now = Math.max(system.now(), live.time);
  const taken = new Map<string, { readonly fingerprint: string | undefined; readonly outcome: Outcome }>();
  let { state, version } = live;
  let bytes = 2;
  let timers = live.timers.size;
  let { timerBytes } = live;
  let at = 0;
  for (; at < items.length; at++) {
    const item = items[at] as Item;
    const refuse = (error: HoldfastError): void => {
      answers.push({ item, ofEntry: false, give: () => item.reject(error) });
    };
    if (live.erased) {
      refuse(erasedError(live.stream));
      continue;
    }
    if (item.kind === "view") {
      const seen = { state, version };
      answers.push({ item, ofEntry: false, give: () => item.resolve(seen) });
      continue;
    }
    if (item.deadline < system.now()) {
      item.reject(deadlineError(item.command.name));
      continue;
    }
    const { key } = item;
    if (key) {
      const member = taken.get(key.hash);
      if (member) {
        const { outcome } = member;
        const same = member.fingerprint === item.fingerprint;
        const give = same ? () => item.resolve({ ...outcome, replayed: true }) : () => item.reject(reusedError(item));
        answers.push({ item, ofEntry: true, give });
        continue;
      }
      // A conflict may have brought the key into the tail since the journal was asked.
      const standing = live.keys.recent.get(key.hash)?.sequence ?? item.standing;
      if (typeof standing === "number") {
        void replay(ports.journal, live.stream, item, standing);
        continue;
      }
      if (standing === "expired") {
        refuse(expiredError(item));
        continue;
      }
    }
    const obstacle = obstacleOf(live, item, version);
    if (obstacle) {
      refuse(obstacle);
      continue;
    }
    if (item.command.prepare && item.prepared === undefined) {
      item.prepared = "running";
      ports.prepare(live, item);
      continue;
    }
    try {
      const standing = { definition: live.definition, id: live.stream.id, state, version, now };
      const decided = decideCommand(item, standing, system.newId);
      const outcome: Outcome = decided.rejection
        ? {
            ok: false,
            code: decided.rejection.code,
            message: decided.rejection.message,
            status: decided.rejection.status,
            version,
            replayed: false,
          }
        : { ok: true, reply: decided.reply, version: decided.version, replayed: false };
      if (decided.entry) {
        const text = encodeEntry(decided.entry);
        const size = Buffer.byteLength(text) + 1;
        const set = decided.entry.timers?.filter(({ at }) => at !== undefined) ?? [];
        const more = set.filter(({ name }) => !live.timers.has(name)).length;
        const moreBytes = bytesOfTimers(set);
        const stateBytes = jsonBytes(decided.state) + timerBytes + moreBytes;
        checkSize(live, item, decided.entry, { size, stateBytes, timers: set.length > 0 ? timers + more : 0 }, limits);
        if (bytes + size > limits.recordBytesMax || entries.length === limits.groupMax) break;
        bytes += size;
        timers += more;
        timerBytes += moreBytes;
        entries.push(decided.entry);
        encoded.push(text);
        if (key) taken.set(key.hash, { fingerprint: item.fingerprint, outcome });
        state = decided.state;
        version = decided.version;
      }
      answers.push({ item, ofEntry: decided.entry !== undefined, give: () => item.resolve(outcome) });
    } catch (error) {
      // decideCommand and checkSize throw HoldfastErrors only.
      refuse(error as HoldfastError);
    }
  }
  const [first] = entries;
  const append = first && {
    stream: live.stream,
    record: {
      sequence: live.sequence + 1,
      id: first.id,
      previous: live.recordId,
      time: now,
      version,
      entries: encodeEntries(encoded),
    },
  };
  return { answers, left: items.slice(at), append, entries, state };
}

/** What stands in a command's way before it is decided, in the order of the HTTP contract. */
function obstacleOf(live: Live, item: CommandItem, version: number): HoldfastError | undefined {
  const { command, validated, expectedVersion } = item;
  if (validated.issues) return validationError(`${live.definition.name}.${command.name}`, validated.issues);
  const matches = expectedVersion === "existing" ? version > 0 : expectedVersion === version;
  if (expectedVersion !== undefined && !matches) {
    return new HoldfastError(
      "version-mismatch",
      `${describe(live.stream)} is at version ${version}, not ${expectedVersion}; read it again.`,
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
