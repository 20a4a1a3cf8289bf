import type { Key } from "../../core/journal/keys.ts";
import { definitionsOf, foldWhile, type StoredEntry } from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Checker } from "./checker.ts";
import { describe } from "./describe.ts";
import { hashOfKey, keyOf, mayBeForgotten } from "./keys.ts";

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
  check(evidence) {
    const wrong: string[] = [];
    const keys = new Map<string, Key>();
    for (const { request } of evidence.history.operations) {
      const key = request && keyOf(request);
      if (key === undefined) continue;
      const known = keys.get(key.hash);
      if (known === undefined) keys.set(key.hash, key);
      else if (known.text !== key.text || known.origin !== key.origin) {
        wrong.push(`keys ${known.text} (${known.origin}) and ${key.text} (${key.origin}) are stored as one`);
      }
    }
    for (const stream of evidence.streams.values()) {
      for (const [hash, [first, ...again]] of stream.entriesByKey) {
        const second = again[0];
        if (first === undefined || second === undefined) continue;
        const key = keys.get(hash);
        const { time, sequence } = second.record;
        if (mayBeForgotten(evidence, stream, key, first, { time, sequence })) continue;
        const at = [first, ...again].map(({ record }) => record.sequence);
        const what = `key ${key?.text ?? hash} of ${first.entry.command}`;
        wrong.push(`${stream.key}: ${what} has its effect in records ${at.join(", ")}`);
      }
    }
    return wrong;
  },
};

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
  check({ apps, streams, history }) {
    const wrong: string[] = [];
    for (const { stream, sequence, revision } of history.snapshots) {
      const stored = streams.get(stream)?.snapshot;
      const isOlder =
        !stored || stored.revision < revision || (stored.revision === revision && stored.sequence < sequence);
      if (isOlder)
        wrong.push(`${stream}: the snapshot at ${sequence} was stored, there is one at ${stored?.sequence} now`);
    }
    for (const stream of streams.values()) {
      const { key, snapshot, body, records, erased } = stream;
      if (!snapshot || !body || erased) continue;
      const record = records[snapshot.sequence - 1];
      if (record?.id !== body.record || record.version !== body.version) {
        wrong.push(`${key}: the snapshot at ${snapshot.sequence} is of another record`);
        continue;
      }
      const isCovered = ({ record }: StoredEntry): boolean => record.sequence <= snapshot.sequence;
      // It was written by code of that revision.
      const folds = definitionsOf({ apps }, stream.stream.entity)
        .filter(({ revision }) => revision === snapshot.revision)
        .map((definition) => foldWhile(definition, stream, isCovered))
        .map((state) => JSON.stringify(state));
      const held = JSON.stringify(body.state);
      if (folds.length === 0 || folds.includes(held)) continue;
      wrong.push(`${key}: the snapshot at ${snapshot.sequence} holds ${held}, the fold is ${folds.join(" or ")}`);
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
