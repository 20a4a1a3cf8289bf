import { checkId, checkName, checkTenant } from "../entity/names.ts";
import { HoldfastError, isHoldfastError } from "../errors.ts";
import type { StreamId } from "../journal/port.ts";
import { readJson } from "../json-text.ts";
import type { Reference } from "../delivery/port.ts";
import { epochOf } from "../runtime/system.ts";

/**
 * What goes through brokers besides workers' messages: references into the journal, and that a timer may be due. What is
 * in an envelope besides its reference is for others: Holdfast believes its journal, so a forged message can do no more
 * than ask for work that is due anyway.
 */

/** What is to be handled, as a message says it. */
export interface Referred extends Reference {
  /** Of a replay with new keys: its id. */
  readonly again?: string | undefined;
  /** It asks for all of the stream up to there that was not handled yet, not for this alone. */
  readonly catchUp?: true | undefined;
  /** It is the event as it was published; others ask for it once more. */
  readonly isPublished?: true | undefined;
}

export interface TimerMessage {
  readonly stream: StreamId;
  readonly name: string;
}

/** A cron timer may be due. */
export interface TickMessage {
  readonly timer: string;
  /** When the broker was to send it, or the tick that it is: epoch milliseconds; in the message RFC 3339 is fine, too. */
  readonly at: number;
  /** It is that tick and no other: redriven. */
  readonly isTick: boolean;
}

/** Somebody may have appended to the stream. */
export interface WakeUpMessage {
  readonly stream: StreamId;
  /** The sequence that the stream had then. */
  readonly after: number;
  /** When what was appended is there, epoch milliseconds. */
  readonly due: number;
}

export function wakeUpBody({ stream, after, due }: WakeUpMessage): string {
  return JSON.stringify({ ...address(stream), after, due });
}

/** Reads what `wakeUpBody` wrote. @throws HoldfastError `malformed-message` */
export function readWakeUp(body: string): WakeUpMessage {
  return reading(body, "a wake-up", (value) => {
    const { after, due } = value;
    if (!isCount(after) || !isCount(due)) throw new TypeError("after");
    return { stream: streamOf(value), after, due };
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function referenceBody({ stream, sequence, n, again, catchUp }: Omit<Referred, "isPublished">): string {
  return JSON.stringify({ ...address(stream), record: `${sequence}/${n}`, again, catchUp });
}

export function timerBody({ stream, name }: TimerMessage): string {
  return JSON.stringify({ ...address(stream), timer: name });
}

/** A schedule has fired for that time. */
export function firedBody(timer: string, at: number): string {
  return JSON.stringify({ timer, at });
}

export function tickMessageBody(timer: string, tick: number): string {
  return JSON.stringify({ timer, at: tick, tick: true });
}

/** In the words of CloudEvents, so that an envelope is a reference, too. */
function address({ tenant, entity, id }: StreamId): object {
  return { source: `/${tenant}/${entity}`, subject: id };
}

/** Reads an envelope, or what `referenceBody` wrote. @throws HoldfastError `malformed-message` */
export function readReference(body: string): Referred {
  return reading(body, "a reference to the journal", (value) => {
    const [, sequence, n] = /^(\d{1,16})\/(\d{1,5})$/.exec(text(value["record"])) ?? [];
    const again = value["again"];
    if (again !== undefined && !/^[0-9a-v]{20}$/.test(text(again))) throw new TypeError("again");
    return {
      stream: streamOf(value),
      sequence: place(sequence),
      n: place(n),
      ...(again !== undefined && { again: text(again) }),
      ...(value["catchUp"] === true && { catchUp: true }),
      ...(value["specversion"] !== undefined && { isPublished: true }),
    };
  });
}

/** Reads what `timerBody` wrote, or `tickMessageBody`, or what a schedule was told to send: `{ timer, at }`. @throws HoldfastError `malformed-message` */
export function readTimer(body: string): TimerMessage | TickMessage {
  return reading(body, "a timer", (value) => {
    const name = text(value["timer"]);
    if (value["source"] !== undefined) return { stream: streamOf(value), name };
    const { at: said } = value;
    const at = typeof said === "number" ? said : epochOf(text(said));
    if (!Number.isSafeInteger(at) || at < 0) throw new TypeError("at");
    return { timer: name, at, isTick: value["tick"] === true };
  });
}

function reading<T>(body: string, what: string, read: (value: { readonly [name: string]: unknown }) => T): T {
  try {
    const value = readJson(body);
    if (typeof value !== "object" || value === null) throw new TypeError("no object");
    return read(value as { readonly [name: string]: unknown });
  } catch (error) {
    const detail = isHoldfastError(error) ? ` ${error.message}` : "";
    throw new HoldfastError("malformed-message", `The message is not ${what} as Holdfast writes it.${detail}`);
  }
}

function streamOf({ source, subject }: { readonly [name: string]: unknown }): StreamId {
  const [, tenant, entity] = /^\/([^/]+)\/([^/]+)$/.exec(text(source)) ?? [];
  checkTenant(tenant);
  checkName("Entity", entity);
  checkId(subject);
  return { tenant, entity, id: subject };
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError("no text");
}

function place(digits: string | undefined): number {
  const number = Number(digits);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new TypeError("no place");
}
