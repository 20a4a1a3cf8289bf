import type { StoredRecord } from "holdfast";
import type { State } from "../observed.ts";
import { entriesOf, nameOf } from "./committed.ts";

/** Each stream by itself: sequences without a gap, each record behind its predecessor, versions that count, each key once. */
export function checkStreams({ records }: State): readonly string[] {
  const streams = Map.groupBy(records, ({ stream }) => nameOf(stream));
  return [...streams].flatMap(([name, list]) => [
    ...checkStream(
      name,
      list.map(({ record }) => record),
    ),
  ]);
}

function* checkStream(name: string, records: readonly StoredRecord[]): Generator<string> {
  const keys = new Set<string>();
  let previous = "";
  let version = 0;
  for (const [i, record] of records.entries()) {
    if (record.sequence !== i + 1) yield `dense: ${name} has ${record.sequence} where ${i + 1} belongs`;
    if (record.previous !== previous) yield `chain: ${name} ${record.sequence} does not follow ${previous}`;
    previous = record.id;
    for (const { entry, version: said } of entriesOf(record)) {
      version += entry.events?.length ?? 0;
      if (said !== version) yield `version: ${name} ${record.sequence} says ${said}, its events are ${version}`;
      if (entry.key === undefined) continue;
      if (keys.has(entry.key)) yield `once: ${name} has the key ${entry.key} of ${entry.command} twice`;
      keys.add(entry.key);
    }
  }
}
