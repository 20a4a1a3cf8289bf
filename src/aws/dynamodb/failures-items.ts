import { HoldfastError } from "../../core/errors.ts";
import { deadLetterId } from "../../core/broker/failures.ts";
import type { DeadLetter, Reason } from "../../core/delivery/port.ts";
import type { StreamId } from "../../core/journal/port.ts";
import type { Failures } from "../../core/messaging/policy.ts";
import { inflated, pack } from "./body.ts";
import { damaged, type Item, numberOf } from "./items.ts";
import { partitionOf } from "./names.ts";

/**
 * Partitions that belong to no stream: no tenant begins with a `$`.
 *
 *     $failures/<consumer>   <message>     how often it has failed
 *     $dead                  <16 digits>   dead letters, by their numbers
 */
export const deadPartition = "$dead";

/** What a dead letter says of a reason that was erased. */
export const erasedCode = "erased";

/** Characters of a reason that are stored, as the core cuts them: four times as many bytes at most. */
const codeMax = 64;
const messageMax = 1_000;
const stackMax = 4_000;

/**
 * Bytes of what others have written, name, body and attributes, that are stored as they are. More, up to what is in a
 * message of 1 MiB, is deflated; an item has 400 KB, and what is in it besides needs less than 30.
 */
const plainBytesMax = 300 * 1_024;

export function attemptKey(consumer: string, message: string): Item {
  return { pk: { S: `$failures/${consumer}` }, sk: { S: message } };
}

/** `expires` is the table's time-to-live, in epoch seconds. */
export function attemptItem(consumer: string, message: string, failures: Failures, expires: number): Item {
  return {
    ...attemptKey(consumer, message),
    ...failureFields(failures),
    expires: { N: String(Math.ceil(expires / 1_000)) },
  };
}

/** @throws HoldfastError `journal-corrupt` where it is not what was written here */
export function failuresOf(item: Item, what = "the count of a message's failures"): Failures {
  return { attempts: numberOf(item["attempts"], 0, what), since: numberOf(item["since"], 0, what) };
}

function failureFields({ attempts, since }: Failures): Item {
  return { attempts: { N: String(attempts) }, since: { N: String(since) } };
}

export function deadSortKey(id: number): string {
  return String(id).padStart(16, "0");
}

/** The item of a dead letter. @throws HoldfastError `message-too-large` where even deflated it does not fit into one */
export async function letterItem(letter: Omit<DeadLetter, "id">): Promise<Item> {
  const { consumer, stream, sequence, n, again, created, failures } = letter;
  return {
    pk: { S: deadPartition },
    sk: { S: deadSortKey(deadLetterId(letter)) },
    consumer: { S: consumer },
    created: { N: String(created) },
    ...failureFields(failures),
    ...reasonFields(letter.reason),
    ...(stream && { stream: { S: partitionOf(stream) } }),
    ...(sequence !== undefined && { sequence: { N: String(sequence) } }),
    ...(n !== undefined && { n: { N: String(n) } }),
    ...(again !== undefined && { again: { S: again } }),
    ...(await contentFields(letter)),
  };
}

/** A lone surrogate has no UTF-8. */
function reasonFields({ code, message, stack }: Reason): Item {
  return {
    code: { S: code.slice(0, codeMax).toWellFormed() },
    message: { S: message.slice(0, messageMax).toWellFormed() },
    ...(stack !== undefined && { stack: { S: stack.slice(0, stackMax).toWellFormed() } }),
  };
}

type Content = Pick<DeadLetter, "name" | "body" | "attributes">;

async function contentFields({ name, body, attributes }: Content): Promise<Item> {
  const content = { name: name?.toWellFormed(), body: body?.toWellFormed(), attributes: attributes?.toWellFormed() };
  const texts = Object.entries(content).flatMap(([field, text]) =>
    text === undefined ? [] : [[field, text] as const],
  );
  const bytes = texts.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  if (bytes <= plainBytesMax) return Object.fromEntries(texts.map(([field, text]) => [field, { S: text }]));
  const { body: packed } = await pack(JSON.stringify(content), () => "");
  if (packed.kind === "deflated") return { content: { B: packed.bytes } };
  throw new HoldfastError(
    "message-too-large",
    `A message of ${bytes} bytes is to be given up, but does not fit into the table, which takes ${plainBytesMax}. It stays in its queue: set the queue's MaximumMessageSize to 262144.`,
  );
}

/** @throws HoldfastError `journal-corrupt` where it is not a dead letter that was written here */
export async function letterOf(item: Item): Promise<DeadLetter> {
  const what = "a dead letter";
  const { sk, consumer, again, code, message, stack, stream } = item;
  if (consumer?.S === undefined || code?.S === undefined || message?.S === undefined) throw damaged(what);
  const number = (name: string, min: number): number => numberOf(item[name], min, what);
  return {
    id: numberOf({ N: /^\d{16}$/.exec(sk?.S ?? "")?.[0] ?? "" }, 1, what),
    consumer: consumer.S,
    created: number("created", 0),
    failures: failuresOf(item, what),
    reason: { code: code.S, message: message.S, ...(stack?.S !== undefined && { stack: stack.S }) },
    ...(stream && { stream: streamOf(stream.S) }),
    ...(item["sequence"] && { sequence: number("sequence", 1) }),
    ...(item["n"] && { n: number("n", 1) }),
    ...(again?.S !== undefined && { again: again.S }),
    ...(await contentOf(item)),
  };
}

function streamOf(text = ""): StreamId {
  const [, tenant, entity, id] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (tenant === undefined || entity === undefined || id === undefined) throw damaged("a dead letter");
  return { tenant, entity, id };
}

async function contentOf({ name, body, attributes, content }: Item): Promise<Content> {
  // What was deflated here: text that `contentFields` wrote.
  if (content?.B !== undefined) return JSON.parse(await inflated(content.B, "a dead letter")) as Content;
  return {
    ...(name?.S !== undefined && { name: name.S }),
    ...(body?.S !== undefined && { body: body.S }),
    ...(attributes?.S !== undefined && { attributes: attributes.S }),
  };
}
