import { bodyOf } from "./amqp/content.ts";
import type { Message } from "./store/message.ts";
import type { Entity } from "./store/namespace.ts";

/** A message as a test looks at it. */
export interface MessageView {
  readonly state: "active" | "locked" | "deferred" | "scheduled" | "dead";
  readonly sequence: number;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly subject: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Parsed where it is JSON. */
  readonly body: unknown;
  readonly deliveryCount: number;
  /** Epoch milliseconds. */
  readonly lockedUntilMs: number | undefined;
  readonly scheduledAtMs: number | undefined;
  readonly deadLetterReason: string | undefined;
}

function viewOf(message: Message, dead: boolean): MessageView {
  const { content, lock, state, sequence, deliveryCount } = message;
  const { messageId, sessionId, subject, properties } = content;
  const reason = properties["DeadLetterReason"];
  return {
    state: dead ? "dead" : lock ? "locked" : state,
    sequence,
    messageId,
    sessionId,
    subject,
    properties,
    body: bodyOf(content),
    deliveryCount,
    lockedUntilMs: lock?.untilMs,
    scheduledAtMs: state === "scheduled" ? content.scheduledAtMs : undefined,
    deadLetterReason: dead && typeof reason === "string" ? reason : undefined,
  };
}

/** All that an entity holds, by sequence number; its dead letters last. */
export function viewsOf({ queue, topic }: Entity): readonly MessageView[] {
  const alive = queue?.messages() ?? topic?.scheduled() ?? [];
  const dead = queue?.deadLetters?.messages() ?? [];
  return [...alive.map((message) => viewOf(message, false)), ...dead.map((message) => viewOf(message, true))];
}
