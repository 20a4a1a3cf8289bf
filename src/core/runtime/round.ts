import { validationError } from "../entity/schema.ts";
import { HoldfastError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { encodeEntries, encodeEntry, eraseCommand, type Entry } from "../journal/format.ts";
import type { Append } from "../journal/port.ts";
import type { CommitPorts } from "./commit.ts";
import { decideCommand, type Decided } from "./decide.ts";
import type { Limits } from "./limits.ts";
import { describe, type Live } from "./live.ts";
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
  let at = 0;
  for (; at < items.length; at++) {
    const item = items[at] as Item;
    const refuse = (error: HoldfastError): void => {
      answers.push({ item, ofEntry: false, give: () => item.reject(error) });
    };
    if (live.erased && item.kind === "erase") {
      answers.push({ item, ofEntry: false, give: () => item.resolve(live.sequence) });
      continue;
    }
    if (live.erased) {
      refuse(new HoldfastError("erased", `${describe(live.stream)} was erased; its id is never used again.`));
      continue;
    }
    if (item.kind === "erase") {
      // In a record of its own: what stands before it is blanked, it stays.
      if (entries.length > 0) break;
      const tombstone: Entry = { id: system.newId(), command: eraseCommand, principal: item.principal.id };
      entries.push(tombstone);
      encoded.push(encodeEntry(tombstone));
      answers.push({ item, ofEntry: true, give: () => item.resolve(live.sequence) });
      at++;
      break;
    }
    if (item.kind === "view") {
      const seen = { state, version };
      answers.push({ item, ofEntry: false, give: () => item.resolve(seen) });
      continue;
    }
    if (item.deadline < system.now()) {
      item.reject(deadlineError(item));
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
        const more = newTimers(live, decided.entry);
        checkSize(live, item, decided, size, timers + more, limits);
        if (bytes + size > limits.recordBytesMax || entries.length === limits.groupMax) break;
        bytes += size;
        timers += more;
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

/** How many timers an entry sets that are not pending yet; what it cancels is not counted back. */
function newTimers(live: Live, entry: Entry): number {
  return entry.timers?.filter(({ at, name }) => at !== undefined && !live.timers.has(name)).length ?? 0;
}

/** @throws HoldfastError for what is too large to be stored, before anything is */
function checkSize(
  live: Live,
  item: CommandItem,
  { entry, state }: Decided,
  size: number,
  timers: number,
  limits: Limits,
): void {
  const what = `${live.definition.name}.${item.command.name}`;
  if (size > limits.eventBytesMax) {
    for (const { type, data } of entry?.events ?? []) {
      const bytes = Buffer.byteLength(JSON.stringify(data));
      if (bytes > limits.eventBytesMax) {
        throw new HoldfastError(
          "event-too-large",
          `${what} would store event "${type}" of ${bytes} bytes; ${limits.eventBytesMax} are allowed.`,
        );
      }
    }
  }
  if (size + 2 > limits.recordBytesMax) {
    throw new HoldfastError(
      "record-too-large",
      `${what} would store a record of ${size} bytes; ${limits.recordBytesMax} are allowed.`,
    );
  }
  if (timers > limits.timersMax && entry?.timers?.some(({ at }) => at !== undefined)) {
    throw new HoldfastError("too-many-timers", `${what} would set more than ${limits.timersMax} timers.`);
  }
  // Measuring costs as much as the state is large. It is done once per as many bytes of appends (64 KiB at least, a
  // command counting for 4 KiB at least), and always where the limit is near.
  live.grownBytes += size + 4_096;
  const near = live.stateBytes + 2 * live.grownBytes > limits.stateBytesMax;
  if (live.grownBytes < Math.max(live.stateBytes, 65_536) && !near) return;
  live.stateBytes = Buffer.byteLength(JSON.stringify(state));
  live.grownBytes = 0;
  if (live.stateBytes <= limits.stateBytesMax) return;
  throw new HoldfastError(
    "entity-too-large",
    `${what} would grow the state of ${describe(live.stream)} to ${live.stateBytes} bytes; ${limits.stateBytesMax} are allowed.`,
  );
}

function deadlineError(item: CommandItem): HoldfastError {
  return new HoldfastError("deadline-exceeded", `The deadline of ${item.command.name} passed; it was not run.`, {
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
