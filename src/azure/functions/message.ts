import type { Message } from "../../core/broker/receive.ts";
import { HoldfastError } from "../../core/errors.ts";
import { epochOf } from "../../core/runtime/system.ts";

/** What the host says of a message besides its body. The names of properties come with a first letter in lower case. */
export type Metadata = { readonly [name: string]: unknown };

/**
 * The property of a copy that stands for a message which has failed: the id of the first of them, by which failures are
 * counted. No handler sees it.
 */
export const retryAttribute = "retryof";

/** The property of a copy that says how often what it stands for was handed out before. */
export const receivesAttribute = "retryreceives";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A message as the receiver takes it.
 * Source: learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger (message metadata)
 * @throws HoldfastError `malformed-event` for what no trigger of Holdfast's hands over, that says what was expected
 */
export function messageOf(body: unknown, metadata: Metadata | undefined, now: number): Message {
  if (!Buffer.isBuffer(body)) {
    throw malformed(`a body of bytes, which the trigger's dataType "binary" asks for; this is ${typeof body}`);
  }
  const { messageId, deliveryCount, enqueuedTimeUtc, sessionId, applicationProperties } = metadata ?? {};
  if (typeof messageId !== "string" || messageId === "") {
    throw malformed(`messages with an id, a text; this is ${JSON.stringify(messageId)}`);
  }
  const receives = Number(deliveryCount);
  if (!Number.isSafeInteger(receives)) {
    throw malformed(`a deliveryCount, a whole number; this is ${JSON.stringify(deliveryCount)}`);
  }
  const { [retryAttribute]: first, [receivesAttribute]: before, ...attributes } = attributesOf(applicationProperties);
  const sent = typeof enqueuedTimeUtc === "string" ? epochOf(inUtc(enqueuedTimeUtc)) : Number.NaN;
  return {
    id: first ?? messageId,
    group: typeof sessionId === "string" ? sessionId : undefined,
    receives: Math.max(1, receives) + (first === undefined ? 0 : countOf(before)),
    body: textOf(body),
    attributes,
    sent: Number.isNaN(sent) ? now : sent,
  };
}

/** Whether the bytes are text. What is none can be no message of anybody's; it is kept as far as it can be read. */
export function isText(body: Uint8Array): boolean {
  try {
    decoder.decode(body);
    return true;
  } catch {
    return false;
  }
}

/** A copy has been handed out before, though not as this message. */
function countOf(before: string | undefined): number {
  return before !== undefined && /^[1-9]\d{0,5}$/.test(before) ? Number(before) : 1;
}

/** The host leaves the zone out. */
function inUtc(time: string): string {
  return /(?:Z|[+-]\d\d:\d\d)$/.test(time) ? time : `${time}Z`;
}

function textOf(body: Buffer): string {
  return isText(body) ? decoder.decode(body) : body.toString("utf8");
}

function attributesOf(properties: unknown): { readonly [name: string]: string } {
  if (typeof properties !== "object" || properties === null) return {};
  const named = Object.entries(properties).flatMap(([name, value]) => {
    if (typeof value === "string") return [[name, value] as const];
    return typeof value === "number" || typeof value === "boolean" ? [[name, String(value)] as const] : [];
  });
  return Object.fromEntries(named);
}

function malformed(expected: string): HoldfastError {
  return new HoldfastError("malformed-event", `The function takes messages of Service Bus, with ${expected}.`);
}
