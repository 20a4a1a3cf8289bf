import type { StoredRecord } from "holdfast";
import { decodeEntries, versionAt } from "../../src/core/journal/format.ts";
import { parseKey } from "../../src/core/journal/keys.ts";

/** One answered command of a client, in the order in which the client sent them. */
export interface Answered {
  readonly client: number;
  readonly id: string;
  readonly key: string;
  readonly quantity: number;
  /** Event version that the answer carried. */
  readonly version: number;
  /** When it was sent first and when it was answered, on one clock. */
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface Observed {
  readonly answered: readonly Answered[];
  /** Cart id to the records of its stream, in order of sequence. */
  readonly streams: ReadonlyMap<string, readonly StoredRecord[]>;
  /** Cart id to what GET showed at the end: total quantity, version. */
  readonly views: ReadonlyMap<string, { readonly quantity: number; readonly version: number }>;
  /** Answers to the same keys, sent again at the end. */
  readonly replays: readonly { readonly key: string; readonly version: number; readonly replayed: boolean }[];
}

/** What contradicts the promises; empty if nothing does. Independent of the code under test but for reading the format. */
export function check(observed: Observed): readonly string[] {
  const violations: string[] = [];
  const stored = new Map<string, { readonly version: number; readonly quantity: number }>();
  for (const [id, records] of observed.streams) {
    let previous = "";
    let version = 0;
    let quantity = 0;
    for (const [i, record] of records.entries()) {
      if (record.sequence !== i + 1) violations.push(`dense: ${id} has ${record.sequence} where ${i + 1} belongs`);
      if (record.previous !== previous) violations.push(`chain: ${id} ${record.sequence} does not follow ${previous}`);
      previous = record.id;
      const entries = decodeEntries(record);
      for (const [index, entry] of entries.entries()) {
        const events = entry.events ?? [];
        version += events.length;
        const added = events.reduce((sum, { data }) => sum + (data as { readonly quantity: number }).quantity, 0);
        quantity += added;
        if (versionAt(record, entries, index) !== version) violations.push(`version: ${id} ${record.sequence}`);
        if (entry.key === undefined) continue;
        const name = `${id} ${entry.key}`;
        if (stored.has(name)) violations.push(`once: ${name} is stored twice`);
        stored.set(name, { version, quantity: added });
      }
    }
    const view = observed.views.get(id);
    if (view && (view.quantity !== quantity || view.version !== version)) {
      violations.push(
        `fold: ${id} shows ${view.quantity} at ${view.version}, its events say ${quantity} at ${version}`,
      );
    }
  }
  for (const answer of observed.answered) {
    const entry = stored.get(`${answer.id} ${parseKey(answer.key, "foreign", answer.answeredAt).hash}`);
    if (!entry) violations.push(`durable: ${answer.key} was acknowledged and is not stored`);
    else if (entry.version !== answer.version) violations.push(`answer: ${answer.key} was told ${answer.version}`);
    else if (entry.quantity !== answer.quantity) violations.push(`effect: ${answer.key} added ${entry.quantity}`);
  }
  checkOrder(observed.answered, violations);
  const told = new Map(observed.answered.map(({ key, version }) => [key, version]));
  for (const { key, version, replayed } of observed.replays) {
    if (!replayed) violations.push(`replay: ${key} was run again`);
    if (told.get(key) !== version) violations.push(`replay: ${key} was told ${told.get(key)}, then ${version}`);
  }
  return violations;
}

/** Of two commands to one stream, the one answered before the other was sent has the lower version. */
function checkOrder(answered: readonly Answered[], violations: string[]): void {
  const streams = Map.groupBy(answered, ({ id }) => id);
  for (const [id, list] of streams) {
    const byAnswer = list.toSorted((a, b) => a.answeredAt - b.answeredAt);
    const bySend = list.toSorted((a, b) => a.sentAt - b.sentAt);
    let newest = 0;
    let at = 0;
    for (const command of bySend) {
      for (let done = byAnswer[at]; done && done.answeredAt < command.sentAt; done = byAnswer[++at]) {
        newest = Math.max(newest, done.version);
      }
      if (command.version <= newest)
        violations.push(`order: ${id} ${command.key} has ${command.version} after ${newest}`);
    }
  }
}
