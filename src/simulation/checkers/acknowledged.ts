import {
  definitionsOf,
  foldWhile,
  unreadable,
  type Evidence,
  type StoredEntry,
  type StreamEvidence,
} from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Checker } from "./checker.ts";
import { judge } from "./decide.ts";
import { describe } from "./describe.ts";
import { hashOfKey } from "./keys.ts";

const nothing: readonly never[] = [];

/**
 * What was answered as done is stored, under its key, with that answer; so is a rejection that is remembered; and what
 * Holdfast does for a cause is stored for that cause.
 */
export const acknowledged: Checker = {
  name: "acknowledged",
  check(evidence) {
    const { app, streams, history } = evidence;
    const wrong: string[] = [];
    const shared = causesOfSharedKeys(evidence);
    for (const operation of history.operations) {
      const { answer, request, stream: key } = operation;
      if (answer?.kind !== "outcome" || !request) continue;
      const { outcome } = answer;
      const stream = streams.get(key);
      const hash = hashOfKey(request);
      if (stream?.erased || hash === undefined || !app.entities.has(operation.entity)) continue;
      const stored = stream?.entriesByKey.get(hash) ?? nothing;
      const cause = request.context?.causation;
      if (request.keyOrigin === "derived" && !shared.has(cause ?? "") && !history.givenKeys.has(request.key ?? "")) {
        if (!stored.some(({ entry }) => entry.causation === cause)) {
          const causes = stored.map(({ entry }) => entry.causation).join(", ") || "nothing";
          wrong.push(`${describe(operation)} because of ${cause}, and what is stored is because of ${causes}`);
        }
      }
      if (!outcome.ok) {
        if (!isRemembered(evidence, operation) || stored.some(({ entry }) => entry.rejected?.code === outcome.code))
          continue;
        wrong.push(`${describe(operation)}, which is not remembered`);
        continue;
      }
      const { reply, version } = outcome;
      const isThat = ({ entry, version: at }: StoredEntry): boolean =>
        !entry.rejected && at === version && JSON.stringify(entry.reply) === JSON.stringify(reply);
      if (stored.some(isThat) || (!stream && version === 0)) continue;
      if (stream && mayLeaveNothing(evidence, stream, operation, version)) continue;
      wrong.push(`${describe(operation)}, which is not what is stored`);
    }
    return wrong;
  },
};

/**
 * Messages of workers that have keys of their own, and events that make a workflow go on, whose calls have the workflow's keys: what
 * another message has done counts for them.
 */
function causesOfSharedKeys({ apps, history }: Evidence): ReadonlySet<string> {
  const keyed = new Set(
    apps.flatMap(({ workers, entities }) => [
      ...[...workers.values()].flatMap(({ name, key }) => (key ? [`worker:${name}`] : [])),
      ...[...entities.values()].flatMap(({ name, workflow }) => (workflow ? [`subscription:${name}`] : [])),
    ]),
  );
  const causes = new Set<string>();
  // As a context holds it.
  for (const { handler, cause } of history.handled) if (keyed.has(handler)) causes.add(cause.slice(0, 128));
  return causes;
}

function isRemembered(evidence: Evidence, { request, entity }: Operation): boolean {
  if (!request) return false;
  if (request.keyOrigin === "derived") return true;
  const known = definitionsOf(evidence, entity).flatMap(({ commands }) => commands.get(request.command) ?? []);
  return known.length > 0 && known.every(({ remember }) => remember);
}

/** Whether the command, run where it was answered, has nothing to store. */
function mayLeaveNothing(
  evidence: Evidence,
  stream: StreamEvidence,
  { request, time }: Operation,
  version: number,
): boolean {
  if (!request || request.keyOrigin === "derived") return false;
  return definitionsOf(evidence, stream.stream.entity).some((definition) => {
    const state = foldWhile(definition, stream, (stored) => stored.version <= version);
    if (state === unreadable) return false;
    const judged = judge(definition, request, { state, version, now: time });
    if (judged === "refused") return false;
    if (judged === "unknown" || judged.usesTime || judged.usesIds) return true;
    const { entry, rejection } = judged.decided;
    return entry === undefined && rejection === undefined;
  });
}
