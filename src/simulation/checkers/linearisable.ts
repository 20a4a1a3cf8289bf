import { definitionsOf, type StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import { linearise } from "../linearise.ts";
import type { Checker } from "./checker.ts";
import { describe } from "./describe.ts";
import { modelOf } from "./entity-model.ts";
import { hashOfKey } from "./keys.ts";

/** After these nobody knows. */
const open: ReadonlySet<string> = new Set(["outcome-unknown", "unknown"]);

/** These say that nothing has happened, and nothing about the entity; `refused` looks at some of them. */
const silent: ReadonlySet<string> = new Set([
  "overloaded",
  "deadline-exceeded",
  "internal",
  "unauthenticated",
  "forbidden",
  "idempotency-key-expired",
  "timer-superseded",
  "unknown-event",
  "unknown-entity",
  "unknown-command",
  "malformed-json",
  "validation-failed",
  "event-too-large",
  "record-too-large",
  "entity-too-large",
  "too-many-timers",
  "no-view",
]);

function isSilent({ answer, answered }: Operation): boolean {
  if (answered === Infinity || answer?.kind !== "error") return false;
  return silent.has(answer.code) || answer.code.startsWith("invalid-");
}

/**
 * Each entity answers as one thing does that handles one request after the other, rejections and reads included, and a
 * request takes place between its arrival and its answer. A retry is a request of its own; a key that was used replays.
 * What a command has stored is taken from the journal (it may hold new ids); that it may store that there, and each
 * rejection, is decided anew.
 */
export const linearisable: Checker = {
  name: "linearisable",
  check(evidence) {
    const byStream = new Map<string, Operation[]>();
    for (const operation of evidence.history.operations) {
      if (isSilent(operation)) continue;
      const found = byStream.get(operation.stream);
      if (found) found.push(operation);
      else byStream.set(operation.stream, [operation]);
    }
    const wrong: string[] = [];
    for (const [key, operations] of byStream) {
      const stream = evidence.streams.get(key);
      const deciding = definitionsOf(evidence, operations[0]?.entity ?? "");
      // What an erased stream held cannot be told any more; but nobody may see it after the erasure.
      if (stream?.erased) {
        const late = seenAfterErasure(operations);
        if (late) wrong.push(`${describe(late)}: the entity was erased before`);
        continue;
      }
      const asked = operations.filter(({ kind }) => kind !== "erase");
      // Nobody is told that it is erased where it is not: `erased` looks at that.
      const found = linearise(prepared(asked, stream), modelOf(evidence, stream, deciding));
      if (found && deciding.length > 0) {
        wrong.push(`${describe(found.operation)}: no order of what happened explains it`);
      }
    }
    return wrong;
  },
};

/** Open outcomes count as never answered; of those, the ones that have left nothing behind need not be looked at. */
function prepared(operations: readonly Operation[], stream: StreamEvidence | undefined): readonly Operation[] {
  return operations.flatMap((operation) => {
    const { answer, kind, request } = operation;
    const isOpen = answer === undefined || (answer.kind === "error" && open.has(answer.code));
    if (!isOpen) return [operation];
    if (kind !== "command" || !request || !stream?.entriesByKey.has(hashOfKey(request) ?? "")) return [];
    return [{ ...operation, answered: Infinity, answer: undefined }];
  });
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
