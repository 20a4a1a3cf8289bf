import { parseKey } from "../../core/journal/keys.ts";
import { foldEntry, type StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Checker } from "./checker.ts";
import { judge } from "./decide.ts";
import { hashOfKey, mayBeForgotten } from "./keys.ts";
import { describe } from "./linearisable.ts";

/** Sequences are 1..n, each record names its predecessor, versions count the events, time never goes back. */
export const dense: Checker = {
  name: "dense",
  check({ streams }) {
    const wrong: string[] = [];
    for (const { key, records, entries } of streams.values()) {
      let previous = "";
      let time = 0;
      for (const [i, record] of records.entries()) {
        if (record.sequence !== i + 1) wrong.push(`${key}: record ${i + 1} has sequence ${record.sequence}`);
        if (record.previous !== previous) wrong.push(`${key}: record ${i + 1} does not follow its predecessor`);
        if (record.time < time) wrong.push(`${key}: record ${i + 1} is older than its predecessor`);
        ({ id: previous, time } = record);
      }
      for (const [i, { record, version }] of entries.entries()) {
        if (entries[i + 1]?.record === record || record.version === version) continue;
        wrong.push(`${key}: record ${record.sequence} says version ${record.version}, its events say ${version}`);
      }
    }
    return wrong;
  },
};

/** A key has its effect once: for ever where it tells its age, else as long as it is remembered. */
export const once: Checker = {
  name: "once",
  check({ streams, history, ownKeys }) {
    const wrong: string[] = [];
    const texts = new Map<string, string>();
    for (const { key, entriesByKey } of streams.values()) {
      for (const [hash, [first, ...again]] of entriesByKey) {
        const second = again[0];
        if (first === undefined || second === undefined) continue;
        if (texts.size === 0) for (const { request } of history.operations) note(texts, request);
        const text = texts.get(hash) ?? "";
        if (mayBeForgotten(text, first.record.time, second.record.time, ownKeys)) continue;
        const at = [first, ...again].map(({ record }) => record.sequence);
        wrong.push(`${key}: key ${text || hash} of ${first.entry.command} has its effect in records ${at.join(", ")}`);
      }
    }
    return wrong;
  },
};

function note(texts: Map<string, string>, request: Operation["request"]): void {
  const hash = request && hashOfKey(request);
  if (request?.key !== undefined && hash !== undefined) {
    texts.set(parseKey(request.key, request.keyOrigin ?? "foreign", Number.MAX_SAFE_INTEGER).hash, request.key);
  }
}

/** What was answered as done is stored, under its key, with that answer; and each time the answer is the same. */
export const acknowledged: Checker = {
  name: "acknowledged",
  check({ streams, history }) {
    const wrong: string[] = [];
    for (const operation of history.operations) {
      const { answer, request, stream: key } = operation;
      if (answer?.kind !== "outcome" || !answer.outcome.ok || !request) continue;
      const stream = streams.get(key);
      const hash = hashOfKey(request);
      if (stream?.erased || hash === undefined) continue;
      const { reply, version } = answer.outcome;
      const stored = stream?.entriesByKey.get(hash) ?? [];
      const isStored = stored.some(
        (entry) =>
          !entry.entry.rejected &&
          entry.version === version &&
          JSON.stringify(entry.entry.reply) === JSON.stringify(reply),
      );
      if (isStored || (stream && mayLeaveNothing(stream, operation, version))) continue;
      if (!stream && version === 0) continue;
      wrong.push(`${describe(operation)}, which is not what is stored`);
    }
    return wrong;
  },
};

/** Whether the command, run where it was answered, has nothing to store. */
function mayLeaveNothing(stream: StreamEvidence, { request, time }: Operation, version: number): boolean {
  const { definition, entries } = stream;
  if (!definition || !request || request.keyOrigin === "derived") return false;
  let state: unknown = definition.initial();
  for (const stored of entries) if (stored.version <= version) state = foldEntry(definition, state, stored);
  const judged = judge(definition, request, { state, version, now: time });
  return judged === "unknown" || (judged.entry === undefined && judged.rejection === undefined);
}

/** Who was only ever refused has left no event. */
export const rejections: Checker = {
  name: "rejections",
  check({ streams, history }) {
    const wrong: string[] = [];
    const accepted = new Set<string>();
    const refused = new Map<string, Operation>();
    for (const operation of history.operations) {
      const { answer, request, stream } = operation;
      const hash = request && hashOfKey(request);
      if (hash === undefined) continue;
      const name = `${stream} ${hash}`;
      if (answer?.kind === "outcome" && !answer.outcome.ok) refused.set(name, operation);
      else accepted.add(name);
    }
    for (const [name, operation] of refused) {
      if (accepted.has(name) || !operation.request) continue;
      const stored = streams.get(operation.stream)?.entriesByKey.get(hashOfKey(operation.request) ?? "") ?? [];
      const left = stored.find(({ entry }) => entry.events ?? entry.messages);
      if (left) wrong.push(`${describe(operation)}, and yet record ${left.record.sequence} holds its effect`);
    }
    return wrong;
  },
};

/** A snapshot is the fold of what it covers, and no older one takes its place. */
export const snapshots: Checker = {
  name: "snapshots",
  check({ streams, history }) {
    const wrong: string[] = [];
    for (const { stream, sequence, revision } of history.snapshots) {
      const stored = streams.get(stream)?.snapshot;
      const isOlder =
        !stored || stored.revision < revision || (stored.revision === revision && stored.sequence < sequence);
      if (isOlder)
        wrong.push(`${stream}: the snapshot at ${sequence} was stored, there is one at ${stored?.sequence} now`);
    }
    for (const { key, definition, snapshot, body, entries, records, erased } of streams.values()) {
      if (!definition || !snapshot || !body || erased || snapshot.revision !== definition.revision) continue;
      const record = records[snapshot.sequence - 1];
      if (record?.id !== body.record || record.version !== body.version) {
        wrong.push(`${key}: the snapshot at ${snapshot.sequence} is of another record`);
        continue;
      }
      let state: unknown = definition.initial();
      for (const stored of entries) {
        if (stored.record.sequence <= snapshot.sequence) state = foldEntry(definition, state, stored);
      }
      if (JSON.stringify(state) !== JSON.stringify(body.state)) {
        wrong.push(
          `${key}: the snapshot at ${snapshot.sequence} holds ${JSON.stringify(body.state)}, the fold is ${JSON.stringify(state)}`,
        );
      }
    }
    return wrong;
  },
};

/** No answer is older than one that was given before its request came. */
export const fresh: Checker = {
  name: "fresh",
  check({ streams, history }) {
    const wrong: string[] = [];
    const byStream = new Map<string, Operation[]>();
    for (const operation of history.operations) {
      const { answer, stream } = operation;
      const tells = answer?.kind === "view" || (answer?.kind === "outcome" && !answer.outcome.replayed);
      if (!tells || streams.get(stream)?.erased) continue;
      const found = byStream.get(stream);
      if (found) found.push(operation);
      else byStream.set(stream, [operation]);
    }
    for (const operations of byStream.values()) {
      const byAnswer = operations.toSorted((a, b) => a.answered - b.answered);
      let known = 0;
      let at = 0;
      for (const operation of operations) {
        for (let seen = byAnswer[at]; seen && seen.answered < operation.invoked; seen = byAnswer[++at]) {
          known = Math.max(known, versionOf(seen));
        }
        if (versionOf(operation) < known)
          wrong.push(`${describe(operation)}, but version ${known} was known before it was asked`);
      }
    }
    return wrong;
  },
};

function versionOf({ answer }: Operation): number {
  if (answer?.kind === "view") return answer.version;
  return answer?.kind === "outcome" ? answer.outcome.version : 0;
}
