import type { EntityDefinition } from "../../core/entity/definition.ts";
import { canonicalJson, type JsonValue } from "../../core/json.ts";
import type { CommandRequest, Outcome } from "../../core/runtime/requests.ts";
import { foldEntry, unreadable, type Evidence, type StoredEntry, type StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Model } from "../linearise.ts";
import { essenceOf, essenceStored, judge } from "./decide.ts";
import { keyOf, mayBeForgotten } from "./keys.ts";
import { isSameJson } from "./same-json.ts";

/** An entity, and which of its stored entries have happened. */
export interface EntityState {
  /** As each code that may decide folds it: during a roll-out the old one does, too. */
  readonly folds: readonly Fold[];
  readonly version: number;
  readonly happened: Happened | undefined;
}

interface Fold {
  readonly code: EntityDefinition;
  readonly state: unknown;
}

interface Happened {
  readonly stored: StoredEntry;
  /** The command that has stored it. */
  readonly maker: Operation;
  readonly before: Happened | undefined;
}

const nothing: readonly never[] = [];

/** The entity as one thing that handles one request after the other. */
export function modelOf(
  evidence: Pick<Evidence, "keys" | "skewMs">,
  stream: StreamEvidence | undefined,
  deciding: readonly EntityDefinition[],
): Model<EntityState, Operation> {
  // Nothing is stored of an entity that has refused everything.
  const entriesOf = ({ request }: Operation): readonly StoredEntry[] =>
    (request && stream?.entriesByKey.get(keyOf(request)?.hash ?? "")) ?? nothing;

  /** Whether the key of one of those entries is known where the operation took place. */
  function isKnown(used: readonly Happened[], { request, told }: Operation): boolean {
    const key = request && keyOf(request);
    const later = { time: told, sequence: Infinity };
    return used.some(({ stored }) => !stream || !mayBeForgotten(evidence, stream, key, stored, later));
  }

  return {
    initial: { folds: deciding.map((code) => ({ code, state: code.initial() })), version: 0, happened: undefined },
    apply(state, operation) {
      const { answer, kind } = operation;
      if (kind === "view") {
        return answer?.kind === "view" && isSeen(state, operation, answer) ? state : undefined;
      }
      const entries = entriesOf(operation);
      const used = entries.flatMap((stored) => happenedAt(state, stored) ?? []);
      if (answer?.kind === "error") return isError(state, operation, answer.code, used) ? state : undefined;
      const outcome = answer?.kind === "outcome" ? answer.outcome : undefined;
      if (outcome?.replayed) {
        const isThat = ({ stored, maker }: Happened): boolean =>
          isAnswerOf(stored, outcome) && isSameRequest(maker, operation);
        return used.some(isThat) ? state : undefined;
      }
      if (!mayRun(state, operation)) return undefined;
      const after = happens(state, operation, entries, outcome);
      if (after || !outcome) return after;
      // It has left nothing: a rejection, or nothing to do.
      if (isKnown(used, operation) || outcome.version !== state.version) return undefined;
      return leavesNothing(state, operation, outcome) ? state : undefined;
    },
    reads(operation) {
      const { answer } = operation;
      if (operation.kind === "view" || answer?.kind === "error") return true;
      return answer?.kind === "outcome" && (answer.outcome.replayed || entriesOf(operation).length === 0);
    },
    hash({ folds, version, happened }) {
      const makers: string[] = [];
      for (let at = happened; at; at = at.before) makers.push(`${at.stored.entry.id}:${at.maker.invoked}`);
      return `${version} ${JSON.stringify(folds.map(({ state }) => state))} ${makers.toSorted().join()}`;
    },
  };
}

function happenedAt({ happened }: EntityState, stored: StoredEntry): Happened | undefined {
  for (let at = happened; at; at = at.before) if (at.stored === stored) return at;
  return undefined;
}

function isSeen(
  { folds, version }: EntityState,
  { id }: Operation,
  answer: { readonly view: JsonValue; readonly version: number },
): boolean {
  if (answer.version !== version) return false;
  return folds.some(({ code: { view }, state }) => {
    if (view === false || state === unreadable) return false;
    const seen = view(state, { id, version });
    return canonicalJson(JSON.parse(JSON.stringify(seen ?? null)) as JsonValue) === canonicalJson(answer.view);
  });
}

function isError(state: EntityState, operation: Operation, code: string, used: readonly Happened[]): boolean {
  if (code === "version-mismatch") return !isExpected(state, operation);
  if (code === "not-found") return state.folds.some(({ code }) => !mayBegin(code, state, operation));
  if (code === "idempotency-key-reused") return used.some(({ maker }) => !isSameRequest(maker, operation));
  return false;
}

/** Whether `expectedVersion` and `startsWith` let the command come to a decision there. */
function mayRun(state: EntityState, operation: Operation): boolean {
  return isExpected(state, operation) && state.folds.some(({ code }) => mayBegin(code, state, operation));
}

function isExpected({ version }: EntityState, { request }: Operation): boolean {
  const expected = request?.expectedVersion;
  return expected === undefined || (expected === "existing" ? version > 0 : expected === version);
}

function mayBegin({ startsWith }: EntityDefinition, { version }: EntityState, { request }: Operation): boolean {
  return version > 0 || startsWith === undefined || startsWith.has(request?.command ?? "");
}

/** The state after the command has stored one of its entries. */
function happens(
  state: EntityState,
  operation: Operation,
  entries: readonly StoredEntry[],
  outcome: Outcome | undefined,
): EntityState | undefined {
  const { request } = operation;
  for (const stored of entries) {
    const { entry, version } = stored;
    if (!request || entry.command !== request.command) continue;
    if (state.version + (entry.events?.length ?? 0) !== version || happenedAt(state, stored)) continue;
    if (outcome && !isAnswerOf(stored, outcome)) continue;
    if (!mayDecide(state, request, stored)) continue;
    const folds = state.folds.map(({ code, state }) => ({ code, state: foldEntry(code, state, stored) }));
    return { folds, version, happened: { stored, maker: operation, before: state.happened } };
  }
  return undefined;
}

/** Whether one of the codes, asked there, decides what is stored; or something that depends on new ids. */
function mayDecide({ folds, version }: EntityState, request: CommandRequest, { entry, record }: StoredEntry): boolean {
  const essence = essenceStored(entry);
  return folds.some(({ code, state }) => {
    if (state === unreadable) return false;
    // The time of the decision is the record's.
    const judged = judge(code, request, { state, version, now: record.time });
    if (judged === "refused") return false;
    return judged === "unknown" || judged.usesIds || essenceOf(judged.decided) === essence;
  });
}

function leavesNothing({ folds, version }: EntityState, { request, time }: Operation, outcome: Outcome): boolean {
  // What Holdfast does for others is always remembered.
  if (!request || request.keyOrigin === "derived") return false;
  return folds.some(({ code, state }) => {
    if (state === unreadable || (request.key !== undefined && code.commands.get(request.command)?.remember))
      return false;
    const judged = judge(code, request, { state, version, now: time });
    if (judged === "refused") return false;
    // It was decided at some time until it was answered.
    if (judged === "unknown" || judged.usesTime || judged.usesIds) return true;
    const { entry, rejection, reply } = judged.decided;
    if (entry !== undefined) return false;
    return outcome.ok ? rejection === undefined && isSame(reply, outcome.reply) : rejection?.code === outcome.code;
  });
}

function isAnswerOf({ entry, version }: StoredEntry, outcome: Outcome): boolean {
  if (outcome.version !== version) return false;
  return outcome.ok ? !entry.rejected && isSame(entry.reply, outcome.reply) : entry.rejected?.code === outcome.code;
}

/** Compared by itself, not by the fingerprint, which may be wrong. */
function isSameRequest({ request: a }: Operation, { request: b }: Operation): boolean {
  return a !== undefined && b !== undefined && a.command === b.command && isSameJson(a.input, b.input);
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
