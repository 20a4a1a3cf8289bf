/** What a sender sent, as far as the broker looks at it. */
export interface Content {
  /** The broker gives one to who has none. */
  readonly messageId: string;
  readonly sessionId?: string;
  readonly correlationId?: string;
  readonly to?: string;
  readonly replyTo?: string;
  readonly subject?: string;
  readonly replyToSessionId?: string;
  readonly contentType?: string;
  readonly timeToLiveMs?: number;
  /** Epoch milliseconds. */
  readonly scheduledAtMs?: number;
  /** Application properties. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly sizeBytes: number;
  /** The message as the protocol has it; nothing but the protocol looks inside. */
  readonly carrier: unknown;
}

export interface MessageLock {
  /** A UUID. */
  readonly token: string;
  /** Epoch milliseconds. */
  readonly untilMs: number;
}

/** A message as one entity holds it; changes while it does. */
export interface Message {
  /** Unique within the entity and rising, from 1. */
  readonly sequence: number;
  /** The number that it was first given: by its topic, or when it was scheduled. */
  readonly enqueuedSequence: number;
  content: Content;
  readonly enqueuedAtMs: number;
  readonly expiresAtMs: number | undefined;
  /** How often it was delivered and not settled. */
  deliveryCount: number;
  state: "active" | "deferred" | "scheduled";
  lock: MessageLock | undefined;
  readonly deadLetterSource: string | undefined;
}

/** Lock: it comes again unless it is settled in time. Delete: it is gone when it is handed out. */
export type ReceiveMode = "lock" | "delete";

/** `properties` are set on the message, over what it has. */
export type Outcome =
  | { readonly kind: "complete" }
  | { readonly kind: "abandon" | "defer"; readonly properties?: Readonly<Record<string, unknown>> }
  | {
      readonly kind: "dead-letter";
      readonly reason?: string;
      readonly description?: string;
      readonly properties?: Readonly<Record<string, unknown>>;
    };

export function withProperties(content: Content, properties: Readonly<Record<string, unknown>> | undefined): Content {
  return properties === undefined ? content : { ...content, properties: { ...content.properties, ...properties } };
}
