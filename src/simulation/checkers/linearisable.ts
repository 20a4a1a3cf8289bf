import type { EntityDefinition } from "../../core/entity/definition.ts";
import { canonicalJson, type JsonValue } from "../../core/json.ts";
import { fingerprint } from "../../core/journal/keys.ts";
import type { CommandRequest, Outcome } from "../../core/runtime/requests.ts";
import { foldEntry, type StoredEntry, type StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import { linearise, type Model } from "../linearise.ts";
import type { Checker } from "./checker.ts";
import { essence, isSettled, judge } from "./decide.ts";
import { hashOfKey, mayBeForgotten } from "./keys.ts";

/** An entity, and which of its stored entries have happened. */
interface EntityState {
  readonly folded: unknown;
  readonly version: number;
  readonly erased: boolean;
  readonly happened: Happened | undefined;
}

interface Happened {
  readonly entry: StoredEntry;
  readonly before: Happened | undefined;
}

type EntriesByKey = StreamEvidence["entriesByKey"];

const nothing: EntriesByKey = new Map();

/** After these nobody knows. */
const open: ReadonlySet<string> = new Set(["outcome-unknown", "unknown"]);

/** These say that nothing has happened, and nothing about the entity. */
const silent: ReadonlySet<string> = new Set([
  "overloaded",
  "deadline-exceeded",
  "internal",
  "idempotency-key-expired",
  "timer-superseded",
  "unknown-event",
  "unknown-entity",
  "unknown-command",
  "validation-failed",
  "event-too-large",
  "record-too-large",
  "entity-too-large",
  "too-many-timers",
  "no-view",
]);

/**
 * Each entity answers as one thing does that handles one request after the other, rejections and reads included, and a
 * request takes place between its arrival and its answer. A retry is a request of its own; a key that was used replays.
 * Which events a command has made is taken from the journal (they may hold times and ids); that it may make them there,
 * and each rejection, is decided anew.
 */
export const linearisable: Checker = {
  name: "linearisable",
  check({ app, apps, streams, history, ownKeys }) {
    const byStream = new Map<string, Operation[]>();
    for (const operation of history.operations) {
      const { answer, answered, stream } = operation;
      if (answered !== Infinity && answer?.kind === "error" && silent.has(answer.code)) continue;
      const found = byStream.get(stream);
      if (found) found.push(operation);
      else byStream.set(stream, [operation]);
    }
    const wrong: string[] = [];
    for (const [key, operations] of byStream) {
      const stream = streams.get(key);
      const definition = stream?.definition ?? app.entities.get(operations[0]?.entity ?? "");
      // What an erased stream held cannot be told any more; but nobody may see it after the erasure.
      if (stream?.erased) {
        const late = seenAfterErasure(operations);
        if (late) wrong.push(`${describe(late)}: the entity was erased before`);
        continue;
      }
      // Nothing is stored of an entity that has refused everything.
      const entries = stream?.entriesByKey ?? nothing;
      if (!definition) continue;
      const deciding = apps.flatMap((app) => app.entities.get(definition.name) ?? []);
      const found = linearise(prepared(operations, entries), modelOf(entries, definition, deciding, ownKeys));
      if (found) wrong.push(`${describe(found.operation)}: no order of what happened explains it`);
    }
    return wrong;
  },
};

/** Open outcomes count as never answered; of those, the ones that have left nothing behind need not be looked at. */
function prepared(operations: readonly Operation[], entries: EntriesByKey): readonly Operation[] {
  return operations.flatMap((operation) => {
    const { answer, kind } = operation;
    const isOpen = answer === undefined || (answer.kind === "error" && open.has(answer.code));
    if (!isOpen) return [operation];
    if (kind !== "command" || entriesOf(entries, operation).length === 0) return [];
    return [{ ...operation, answered: Infinity, answer: undefined }];
  });
}

function entriesOf(entries: EntriesByKey, { request }: Operation): readonly StoredEntry[] {
  return (request && entries.get(hashOfKey(request) ?? "")) ?? [];
}

/** @param deciding all code that may have decided: during a roll-out the old one does, too */
function modelOf(
  stored: EntriesByKey,
  definition: EntityDefinition,
  deciding: readonly EntityDefinition[],
  isNarrow: boolean,
): Model<EntityState, Operation> {
  return {
    initial: { folded: definition.initial(), version: 0, erased: false, happened: undefined },
    apply(state, operation) {
      const { answer } = operation;
      if (operation.kind === "view") {
        return answer?.kind === "view" && isSeen(definition, state, operation, answer) ? state : undefined;
      }
      if (operation.kind === "erase") return answer?.kind === "erased" ? state : undefined;
      const entries = entriesOf(stored, operation);
      const used = entries.filter((entry) => hasHappened(state, entry));
      if (answer?.kind === "error") return isError(state, operation, answer.code, used) ? state : undefined;
      if (answer?.kind !== "outcome") return happens(deciding, state, operation, entries, undefined);
      const { outcome } = answer;
      if (outcome.replayed) {
        return used.some((entry) => isAnswerOf(entry, outcome) && isSameRequest(entry, operation)) ? state : undefined;
      }
      const after = happens(deciding, state, operation, entries, outcome);
      if (after) return after;
      // It has left nothing: a rejection, or nothing to do.
      const isKnown = used.some(
        ({ record }) => !mayBeForgotten(operation.request?.key, record.time, operation.time, isNarrow),
      );
      if (isKnown || outcome.version !== state.version) return undefined;
      return deciding.some((code) => leavesNothing(code, state, operation, outcome)) ? state : undefined;
    },
    reads(operation) {
      const { answer } = operation;
      if (operation.kind === "view" || answer?.kind === "error") return true;
      return answer?.kind === "outcome" && (answer.outcome.replayed || entriesOf(stored, operation).length === 0);
    },
    hash: ({ folded, version, erased }) => `${version} ${erased} ${JSON.stringify(folded)}`,
  };
}

function isSeen(
  { view }: EntityDefinition,
  { folded, version }: EntityState,
  { id }: Operation,
  answer: { readonly view: JsonValue; readonly version: number },
): boolean {
  if (answer.version !== version || view === false) return false;
  const seen = view(folded, { id, version });
  return canonicalJson(JSON.parse(JSON.stringify(seen ?? null)) as JsonValue) === canonicalJson(answer.view);
}

function isError(state: EntityState, operation: Operation, code: string, used: readonly StoredEntry[]): boolean {
  if (code === "version-mismatch") {
    const expected = operation.request?.expectedVersion;
    return expected === "existing" ? state.version === 0 : expected !== state.version;
  }
  if (code === "not-found") return state.version === 0;
  if (code === "idempotency-key-reused") return used.some((entry) => !isSameRequest(entry, operation));
  return false;
}

/** The state after the command has stored one of its entries. */
function happens(
  deciding: readonly EntityDefinition[],
  state: EntityState,
  { request, time }: Operation,
  entries: readonly StoredEntry[],
  outcome: Outcome | undefined,
): EntityState | undefined {
  for (const stored of entries) {
    const { entry, version, record } = stored;
    if (state.version + (entry.events?.length ?? 0) !== version || hasHappened(state, stored)) continue;
    if (outcome && !isAnswerOf(stored, outcome)) continue;
    const at = { state: state.folded, version: state.version, now: record.time };
    if (request && !deciding.some((code) => mayDecide(code, request, at, stored, time))) continue;
    const [newest] = deciding;
    const folded = newest && foldEntry(newest, state.folded, stored);
    return { folded, version, erased: false, happened: { entry: stored, before: state.happened } };
  }
  return undefined;
}

/** Whether that code, asked there, decides what is stored; or something that depends on the time, or on new ids. */
function mayDecide(
  definition: EntityDefinition,
  request: CommandRequest,
  at: Parameters<typeof judge>[2],
  { entry }: StoredEntry,
  time: number,
): boolean {
  const judged = judge(definition, request, at);
  if (judged === "unknown") return true;
  if (essence(judged) === JSON.stringify([entry.events, entry.reply, entry.rejected?.code])) return true;
  return !isSettled(definition, request, { ...at, now: time });
}

function leavesNothing(
  definition: EntityDefinition,
  { folded, version }: EntityState,
  { request, time }: Operation,
  outcome: Outcome,
): boolean {
  const judged = request ? judge(definition, request, { state: folded, version, now: time }) : "unknown";
  if (judged === "unknown") return true;
  if (!outcome.ok) return judged.rejection?.code === outcome.code;
  return judged.rejection === undefined && judged.entry === undefined && same(judged.reply, outcome.reply);
}

function isAnswerOf({ entry, version }: StoredEntry, outcome: Outcome): boolean {
  if (outcome.version !== version) return false;
  return outcome.ok ? !entry.rejected && same(entry.reply, outcome.reply) : entry.rejected?.code === outcome.code;
}

function isSameRequest({ entry }: StoredEntry, { request }: Operation): boolean {
  // It was checked when it came.
  return request !== undefined && entry.fp === fingerprint(request.command, request.input as JsonValue | undefined);
}

function same(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function hasHappened({ happened }: EntityState, entry: StoredEntry): boolean {
  for (let at = happened; at; at = at.before) if (at.entry === entry) return true;
  return false;
}

/**
 * An answer that nobody should have got any more: what the entity is, after somebody was told that it is erased; an old
 * answer to an old key, after the erasure was done (until then its record may not be blank yet).
 */
function seenAfterErasure(operations: readonly Operation[]): Operation | undefined {
  let told = Infinity;
  let done = Infinity;
  for (const { answer, answered } of operations) {
    if (answer?.kind === "erased") done = Math.min(done, answered);
    if (answer?.kind === "error" && answer.code === "erased") told = Math.min(told, answered);
  }
  return operations.find(({ invoked, answer }) => {
    if (answer?.kind === "view") return invoked > Math.min(told, done);
    if (answer?.kind !== "outcome") return false;
    return invoked > (answer.outcome.replayed ? done : Math.min(told, done));
  });
}

export function describe({ instance, entity, id, kind, request, answer }: Operation): string {
  const what =
    kind === "command" ? `${request?.command}(${JSON.stringify(request?.input) ?? ""}) ${request?.key ?? ""}` : kind;
  const told =
    answer?.kind === "outcome"
      ? `${answer.outcome.ok ? `ok ${JSON.stringify(answer.outcome.reply) ?? ""}` : answer.outcome.code} at ${answer.outcome.version}${answer.outcome.replayed ? ", replayed" : ""}`
      : answer?.kind === "view"
        ? `${JSON.stringify(answer.view)} at ${answer.version}`
        : answer?.kind === "error"
          ? answer.code
          : (answer?.kind ?? "nothing");
  return `${entity} ${id}: ${instance} answered ${what} with ${told}`;
}
