import type { Clock } from "../clock.ts";
import type { Refusal } from "../conditions.ts";
import type { Operations } from "../operations.ts";
import type { Namespace } from "../store/namespace.ts";
import type { SessionLock } from "../store/sessions.ts";
import type { AmqpError, Sender } from "./rhea.ts";

/** What all connections share. */
export interface Broker {
  readonly namespace: Namespace;
  readonly operations: Operations;
  readonly clock: Clock;
  newId(): string;
}

/** One client's connection. */
export interface Peer {
  /** Links to the client on which answers to its requests go out, by name and by address. */
  readonly responders: Map<string, Sender>;
  /** Sessions of entities that it has accepted, by the name of the link. */
  readonly accepted: Map<string, SessionLock>;
  /** Ends the connection without a word. */
  cut(): void;
}

export function amqpError(error: Refusal): AmqpError {
  return { condition: error.condition, description: error.message };
}
