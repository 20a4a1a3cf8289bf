import { HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { deadLetterId } from "../../core/broker/failures.ts";
import type { DeadLetter, Reason } from "../../core/delivery/port.ts";
import type { Failures } from "../../core/messaging/policy.ts";
import { digits, keyOf, partitionOf, streamOf } from "./names.ts";
import { payloadOf, rowBytesMax, textIn } from "./payload.ts";
import { damaged, numberOf, type Properties, type Row, type StoredRow } from "./rows.ts";

/**
 * Partitions that belong to no stream: no tenant begins with a `$`.
 *
 *     $failures.<consumer>   <message>     how often it has failed
 *     $dead                  <16 digits>   dead letters, by their numbers
 *     $dead                  e.<stream>    whether the reasons of a stream's dead letters were erased
 */
export const deadPartition = "$dead";

/** What a dead letter says of a reason that was erased. */
export const erasedReason: Reason = { code: "erased", message: "" };

/** Characters of a reason that are stored, as the core cuts them. */
const codeMax = 64;
const messageMax = 1_000;
const stackMax = 4_000;

export function attemptKey(consumer: string, message: string): { partitionKey: string; rowKey: string } {
  return { partitionKey: `$failures.${keyOf(consumer)}`, rowKey: keyOf(message) };
}

/** `expires` is in epoch milliseconds; `removeExpired` goes by it. */
export function attemptRow(consumer: string, message: string, failures: Failures, expires: number): Row {
  return { ...attemptKey(consumer, message), ...failureProperties(failures), expires: BigInt(expires) };
}

/** @throws HoldfastError `journal-corrupt` where it is not what was written here */
export function failuresOf(row: StoredRow, what = "the count of a message's failures"): Failures {
  return { attempts: numberOf(row["attempts"], 0, what), since: numberOf(row["since"], 0, what) };
}

function failureProperties({ attempts, since }: Failures): Properties {
  return { attempts: BigInt(attempts), since: BigInt(since) };
}

/** The row of a dead letter. @throws HoldfastError `message-too-large` where even deflated it does not fit into one */
export async function letterRow(letter: Omit<DeadLetter, "id">): Promise<Row> {
  const { consumer, stream, sequence, n, again, created, failures } = letter;
  return {
    partitionKey: deadPartition,
    rowKey: digits(deadLetterId(letter)),
    consumer,
    created: BigInt(created),
    ...failureProperties(failures),
    ...(await reasonProperties(letter.reason)),
    ...(stream && { stream: partitionOf(stream) }),
    ...(sequence !== undefined && { sequence: BigInt(sequence) }),
    ...(n !== undefined && { n: BigInt(n) }),
    ...(again !== undefined && { again }),
    ...(await contentProperties(letter)),
  };
}

/** A lone surrogate has no UTF-8. */
export function reasonProperties({ code, message, stack }: Reason): Promise<Properties> {
  const reason: Reason = {
    code: code.slice(0, codeMax).toWellFormed(),
    message: message.slice(0, messageMax).toWellFormed(),
    ...(stack !== undefined && { stack: stack.slice(0, stackMax).toWellFormed() }),
  };
  return payloadOf("reason", JSON.stringify(reason));
}

type Content = Pick<DeadLetter, "name" | "body" | "attributes">;

async function contentProperties({ name, body, attributes }: Content): Promise<Properties> {
  const content = { name: name?.toWellFormed(), body: body?.toWellFormed(), attributes: attributes?.toWellFormed() };
  const text = JSON.stringify(content);
  if (text === "{}") return {};
  try {
    return await payloadOf("content", text);
  } catch (error) {
    if (!isHoldfastError(error, "entity-too-large")) throw error;
    throw new HoldfastError(
      "message-too-large",
      `A message of ${Buffer.byteLength(text)} bytes is to be given up, but does not fit into a row of the table, which takes ${rowBytesMax} deflated. It stays in its queue: have the queue take messages of 256 KiB at most.`,
    );
  }
}

/** @throws HoldfastError `journal-corrupt` where it is not a dead letter that was written here */
export async function letterOf(row: StoredRow): Promise<DeadLetter> {
  const what = "a dead letter";
  const { rowKey = "", consumer, again, stream } = row;
  const number = (name: string, min: number): number => numberOf(row[name], min, what);
  const of = typeof stream === "string" ? streamOf(stream) : undefined;
  if (typeof consumer !== "string" || !/^\d{16}$/.test(rowKey) || (stream && !of)) throw damaged(what);
  return {
    id: Number(rowKey),
    consumer,
    created: number("created", 0),
    failures: failuresOf(row, what),
    // What was written here as JSON of that shape.
    reason: JSON.parse(await textIn(row, "reason", what)) as Reason,
    ...(of && { stream: of }),
    ...(isThere(row["sequence"]) && { sequence: number("sequence", 1) }),
    ...(isThere(row["n"]) && { n: number("n", 1) }),
    ...(typeof again === "string" && { again }),
    ...(isThere(row["content"]) || isThere(row["content0"])
      ? (JSON.parse(await textIn(row, "content", what)) as Content)
      : {}),
  };
}

function isThere(property: unknown): boolean {
  return property !== undefined && property !== null;
}
