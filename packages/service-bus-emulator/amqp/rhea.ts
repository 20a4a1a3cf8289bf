// What rhea has and its typings leave out, in one place. Every cast to an interface of this file rests on the source of
// rhea 3.0.5, the exact version that package.json asks for.

import type { Socket } from "node:net";
import rhea, { type Connection, type Container, type Delivery, type Receiver, type Sender, type Session } from "rhea";

export type { Connection, Container, Delivery, Receiver, Sender, Session };

/** A message as rhea decodes it: flat. */
export interface AmqpMessage {
  readonly message_id?: unknown;
  readonly correlation_id?: unknown;
  readonly to?: unknown;
  readonly subject?: unknown;
  readonly reply_to?: unknown;
  readonly reply_to_group_id?: unknown;
  readonly group_id?: unknown;
  readonly content_type?: unknown;
  readonly ttl?: unknown;
  readonly delivery_count?: unknown;
  readonly message_annotations?: Readonly<Record<string, unknown>>;
  readonly application_properties?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

export interface AmqpError {
  readonly condition: string;
  readonly description?: string;
  readonly info?: Readonly<Record<string, unknown>> | null;
}

interface Codec {
  encode(message: AmqpMessage): Buffer;
  decode(data: Buffer): AmqpMessage;
  accepted(): { described(): unknown };
  rejected(fields: { readonly error: AmqpError }): { described(): unknown };
}

const getDrain = "_get_drain";

interface SenderInternals {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  [getDrain]: () => boolean;
  readonly session: { readonly outgoing: OutgoingInternals };
}

interface OutgoingInternals {
  readonly next_delivery_id: number;
  readonly next_pending_delivery: number;
  available(): number;
}

interface LinkInternals {
  readonly state: { local_open: boolean; open_requests: number };
  readonly local: { readonly attach: Record<string, unknown> };
}

const codec = rhea.message as unknown as Codec;

/** Wraps values as AMQP types. */
export const { types } = rhea;
export const { encode, decode } = codec;

export function createContainer(): Container {
  return rhea.create_container({});
}

function link(given: Sender | Receiver): LinkInternals {
  return given as unknown as LinkInternals;
}

function sending(sender: Sender): SenderInternals {
  return sender as unknown as SenderInternals;
}

/** A peer's attach is answered by rhea at the end of the tick; this keeps the answer back until `sender.open()`. */
export function holdAttach(given: Sender | Receiver): void {
  const { state } = link(given);
  state.local_open = false;
  state.open_requests = 0;
}

/** Sets what the answer to an attach will say. */
export function answerAttach(given: Sender | Receiver, fields: Readonly<Record<string, unknown>>): void {
  Object.assign(link(given).local.attach, fields);
}

/** How many messages may be sent now: the client's credit without what is on its way, and room to remember them. */
export function sendable(sender: Sender): number {
  const { credit, session } = sending(sender);
  const { next_delivery_id: next, next_pending_delivery: pending } = session.outgoing;
  return sender.is_open() ? Math.min(credit - (next - pending), session.outgoing.available()) : 0;
}

/** Uses the credit up and says so. rhea's own `set_drained` says nothing when there was no credit left, and the client waits. */
export function drained(sender: Sender): void {
  const internals = sending(sender);
  internals[getDrain] = () => {
    internals[getDrain] = () => false;
    internals.delivery_count += internals.credit;
    internals.credit = 0;
    return true;
  };
  internals.issue_flow = true;
}

/** Sends a message; rhea's typings want methods on it that nobody calls. */
export function sendMessage(sender: Sender, message: AmqpMessage): void {
  sender.send(message as unknown as Parameters<Sender["send"]>[0]);
}

/** What arrives on a link. rhea leaves a message of a format that it does not know undecoded. */
export interface Arrival {
  readonly message?: AmqpMessage | Buffer;
  readonly delivery?: Delivery;
}

/** The condition and its details with which a delivery was rejected. */
export interface Rejected {
  readonly error?: AmqpError | null;
}

/** What the client made of a delivery. */
export interface Modified {
  readonly undeliverable_here?: boolean | null;
  readonly message_annotations?: Readonly<Record<string, unknown>> | null;
}

/** Settles a delivery, in either direction. Replies to one session must go through createReplies. */
export function settleDelivery(delivery: Delivery, error: AmqpError | undefined): void {
  const outcome = error ? codec.rejected({ error }) : codec.accepted();
  delivery.update(true, outcome.described());
  forget(delivery);
}

/** The client says no more about it: without this, rhea keeps it, and stops at 2,048. */
export function forget(delivery: Delivery): void {
  Object.assign(delivery, { settled: true, remote_settled: true });
}

/** Binary parts of a body, when it consists of those (or of one). */
export function dataSections(body: unknown): readonly Buffer[] | undefined {
  // rhea's Section, which it does not export.
  const section = body as { readonly typecode?: number; readonly content?: unknown } | null | undefined;
  if (section?.typecode !== 0x75) return undefined;
  return (Array.isArray(section.content) ? section.content : [section.content]) as readonly Buffer[];
}

/** The socket below; rhea's typings do not name it. */
export function socketOf(connection: Connection): Socket {
  return connection["socket"] as Socket;
}

/** Ends rhea's timers for a connection whose socket is gone. */
export function abandon(connection: Connection): void {
  (connection as unknown as { eof(): void }).eof();
}
