import { HoldfastError } from "../errors.ts";

/** Marks what the functions below have made; registered, so that two copies of the package understand each other. */
export const made: unique symbol = Symbol.for("holdfast.made") as never;

/** An event that a command wants to store. Made by `events.<type>(data)` of the context, never by hand. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  readonly [made]: "event";
  readonly type: Type;
  readonly data: Data;
}

export interface Accepted<Reply = unknown, Event extends NewEvent = NewEvent> {
  readonly [made]: "accepted";
  readonly events: readonly Event[];
  readonly reply: Reply;
}

export interface Rejection<Code extends string = string> {
  readonly [made]: "rejection";
  readonly code: Code;
  readonly message: string;
  /** HTTP status, 400 to 499. */
  readonly status: number;
}

/** What `decide` may return: an event, several (none: accepted without an effect), `accept(...)` or `reject(...)`. */
export type Decision<Event extends NewEvent = NewEvent> =
  | Event
  | readonly Event[]
  | Accepted<unknown, Event>
  | Rejection;

/** The reply type of a decision: what `accept` carries, `undefined` for bare events, nothing for a rejection. */
export type ReplyOf<D> = D extends Accepted<infer Reply, NewEvent> ? Reply : D extends Rejection ? never : undefined;

/** The rejection codes of a decision, as a union of string literals. */
export type CodesOf<D> = D extends Rejection<infer Code> ? Code : never;

/** Accepts a command: stores the events (possibly none) and answers with `reply`, a JSON value. */
export function accept(): Accepted<undefined, never>;
export function accept<Event extends NewEvent>(events: Event | readonly Event[]): Accepted<undefined, Event>;
export function accept<Event extends NewEvent, Reply>(
  events: Event | readonly Event[],
  options: { readonly reply: Reply },
): Accepted<Reply, Event>;
export function accept(
  events: NewEvent | readonly NewEvent[] = [],
  options: { readonly reply?: unknown } = {},
): Accepted<unknown, NewEvent> {
  // Array.isArray does not narrow readonly arrays.
  const list = Array.isArray(events) ? (events as readonly NewEvent[]) : [events as NewEvent];
  return { [made]: "accepted", events: list, reply: options.reply };
}

/**
 * Refuses a command: nothing of it is stored, the caller gets `{ ok: false, code, message }`, over HTTP a 409 (or the
 * 4xx given). A code is part of the entity's contract: letters, digits and hyphens, at most 64.
 */
export function reject<const Code extends string>(
  code: Code,
  message: string,
  options: { readonly status?: number } = {},
): Rejection<Code> {
  const status = options.status ?? 409;
  if (!/^[a-zA-Z][a-zA-Z0-9-]{0,63}$/.test(code)) {
    throw new HoldfastError("invalid-decision", `The rejection code ${JSON.stringify(code)} is not allowed.`);
  }
  if (!Number.isInteger(status) || status < 400 || status > 499) {
    throw new HoldfastError("invalid-decision", `A rejection's status is 400 to 499, not ${status}.`);
  }
  return { [made]: "rejection", code, message: String(message), status };
}

/** Which of the four a value of unknown origin is. */
export function madeBy(value: unknown): "event" | "accepted" | "rejection" | undefined {
  return typeof value === "object" && value !== null
    ? (value as Partial<NewEvent | Accepted | Rejection>)[made]
    : undefined;
}
