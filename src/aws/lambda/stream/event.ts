import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Committed } from "../../../core/broker/outbox.ts";
import { checkId, checkName, checkTenant } from "../../../core/entity/names.ts";
import { HoldfastError, isHoldfastError } from "../../../core/errors.ts";
import type { StreamId } from "../../../core/journal/port.ts";
import { type Item, recordOf } from "../../dynamodb/items.ts";
import { shapeOf } from "../http/event.ts";

/**
 * A batch of a table's stream, as Lambda hands it over: what is read of it.
 * Source: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export interface StreamEvent {
  readonly Records: readonly StreamRecord[];
}

export interface StreamRecord {
  readonly eventName?: string | undefined;
  readonly eventSource?: string | undefined;
  readonly dynamodb?:
    | {
        readonly Keys?: LambdaItem | undefined;
        readonly NewImage?: LambdaItem | undefined;
        readonly SequenceNumber?: string | undefined;
      }
    | undefined;
}

/** An item in Lambda's JSON: as the SDK has it, but for binary values, which are base64. */
export type LambdaItem = { readonly [name: string]: LambdaValue };
export interface LambdaValue {
  readonly S?: string;
  readonly N?: string;
  readonly B?: string;
}

/** What a record of the stream is: a journal's record, nothing to relay, or what nobody can read. */
export type StreamItem =
  | { readonly kind: "record"; readonly sequenceNumber: string; readonly committed: Committed; readonly key: string }
  | { readonly kind: "other" }
  | {
      readonly kind: "unreadable";
      readonly sequenceNumber: string;
      readonly error: HoldfastError;
      /** The stream's key, as far as it is known. */
      readonly key: string | undefined;
    };

/** The records of a batch, in its order. @throws HoldfastError `malformed-event` that says what was expected */
export function readStreamEvent(event: unknown): readonly StreamItem[] {
  const { Records: records } = (event ?? {}) as Partial<StreamEvent>;
  if (!Array.isArray(records)) throw malformed(`events of a DynamoDB stream, with Records; this is ${shapeOf(event)}`);
  return (records as readonly unknown[]).map(itemOf);
}

function itemOf(record: unknown): StreamItem {
  const { eventName, eventSource, dynamodb } = (record ?? {}) as StreamRecord;
  const sequenceNumber = dynamodb?.SequenceNumber;
  // Lambda could not be told where to go on.
  if (eventSource !== "aws:dynamodb" || sequenceNumber === undefined || !/^\d{1,40}$/.test(sequenceNumber)) {
    throw malformed(
      `records with the eventSource "aws:dynamodb" and a dynamodb.SequenceNumber of digits; this is ${JSON.stringify(eventSource)}, ${shapeOf(dynamodb)}`,
    );
  }
  // Changes and removals (erasing, expiry) hold nothing for others.
  if (eventName === "MODIFY" || eventName === "REMOVE") return { kind: "other" };
  const { Keys: { pk, sk } = {}, NewImage: image } = dynamodb ?? {};
  const key = pk?.S;
  try {
    if (eventName !== "INSERT")
      throw malformed(`the eventNames INSERT, MODIFY and REMOVE, not ${JSON.stringify(eventName)}`);
    if (key === undefined || sk?.S === undefined) {
      throw malformed("records whose dynamodb.Keys are pk and sk, both strings, those of a journal's table");
    }
    // Pages of keys, snapshots, failures and dead letters.
    if (!sk.S.startsWith("r") || key.startsWith("$")) return { kind: "other" };
    if (image === undefined) throw malformed("records with a dynamodb.NewImage: the stream's view has to be NEW_IMAGE");
    const committed = { stream: streamOf(key), record: recordOf({ ...itemFrom(image), sk: { S: sk.S } }) };
    return { kind: "record", sequenceNumber, committed, key };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return { kind: "unreadable", sequenceNumber, error: named(error, sequenceNumber), key };
  }
}

function itemFrom(image: LambdaItem): Item {
  return Object.fromEntries(
    Object.entries(image).map(([name, value]) => [
      name,
      // The same shape but for what is binary.
      (value.B === undefined ? value : { B: Buffer.from(value.B, "base64") }) as AttributeValue,
    ]),
  );
}

function streamOf(key: string): StreamId {
  const [, tenant, entity, id] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(key) ?? [];
  checkTenant(tenant);
  checkName("Entity", entity);
  checkId(id);
  return { tenant, entity, id };
}

function named(error: HoldfastError, sequenceNumber: string): HoldfastError {
  return new HoldfastError(
    "malformed-event",
    `The record with the sequence number ${sequenceNumber} cannot be relayed: ${error.message} Expected is an item that Holdfast has written: pk "<tenant>/<entity>/<id>", sk "r" and 16 digits, id, previous, entries (strings), time, version (numbers).`,
    { cause: error },
  );
}

function malformed(expected: string): HoldfastError {
  return new HoldfastError("malformed-event", `The stream handler takes ${expected}.`);
}
