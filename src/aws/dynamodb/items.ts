import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { HoldfastError } from "../../core/errors.ts";
import type { Snapshot, StoredRecord, StreamId } from "../../core/journal/port.ts";
import type { PackedBody } from "./body.ts";
import { keyOf, sortKeys } from "./names.ts";

export type Item = Record<string, AttributeValue>;

/** What the snapshot's item says; its body may be elsewhere. */
export interface Head extends Omit<Snapshot, "body"> {
  readonly body: PackedBody;
}

export function recordItem(stream: StreamId, record: StoredRecord): Item {
  const { sequence, id, previous, time, version, entries } = record;
  return {
    ...keyOf(stream, sortKeys.record(sequence)),
    id: { S: id },
    previous: { S: previous },
    time: { N: String(time) },
    version: { N: String(version) },
    entries: { S: entries },
  };
}

/** @throws HoldfastError `journal-corrupt` where it is not a record that was written here */
export function recordOf(item: Item): StoredRecord {
  const { id, previous, entries } = item;
  if (id?.S === undefined || previous?.S === undefined || entries?.S === undefined) throw damaged("a record");
  const time = numberOf(item["time"], 0, "a record");
  const version = numberOf(item["version"], 0, "a record");
  return { sequence: sequenceOf(item), id: id.S, previous: previous.S, time, version, entries: entries.S };
}

/** The sequence in the sort key of a record, or of a page. */
export function sequenceOf(item: Item): number {
  return numberOf({ N: /^[rk](\d{16})/.exec(item["sk"]?.S ?? "")?.[1] ?? "" }, 1, "a sort key");
}

export function isHead(item: Item): boolean {
  return item["sk"]?.S === sortKeys.snapshot;
}

export function headItem(stream: StreamId, { sequence, revision, horizon, body }: Head): Item {
  return {
    ...keyOf(stream, sortKeys.snapshot),
    sequence: { N: String(sequence) },
    revision: { N: String(revision) },
    foreignHorizon: { N: String(horizon.foreign) },
    derivedHorizon: { N: String(horizon.derived) },
    ...(body.kind === "text" && { body: { S: body.text } }),
    ...(body.kind === "deflated" && { deflated: { B: body.bytes } }),
    ...(body.kind === "parts" && { generation: { S: body.generation }, parts: { N: String(body.count) } }),
  };
}

/** @throws HoldfastError `journal-corrupt` where it is not a snapshot that was written here */
export function headOf(item: Item): Head {
  return {
    sequence: numberOf(item["sequence"], 1, "a snapshot"),
    revision: numberOf(item["revision"], 1, "a snapshot"),
    horizon: {
      foreign: numberOf(item["foreignHorizon"], 0, "a snapshot"),
      derived: numberOf(item["derivedHorizon"], 0, "a snapshot"),
    },
    body: bodyOf(item),
  };
}

function bodyOf({ body, deflated, generation, parts }: Item): PackedBody {
  if (body?.S !== undefined) return { kind: "text", text: body.S };
  if (deflated?.B !== undefined) return { kind: "deflated", bytes: deflated.B };
  if (generation?.S === undefined) throw damaged("a snapshot");
  return { kind: "parts", generation: generation.S, count: numberOf(parts, 1, "a snapshot") };
}

/** @throws HoldfastError `journal-corrupt` where it is no whole number of at least `min` */
export function numberOf(value: AttributeValue | undefined, min: number, what: string): number {
  const number = value?.N === undefined || value.N === "" ? Number.NaN : Number(value.N);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw damaged(what);
}

/** An item that is not what was written. */
export function damaged(what: string): HoldfastError {
  return new HoldfastError("journal-corrupt", `The journal is damaged: ${what} is not what was written.`);
}
