import type { Rule } from "./rules.ts";

/** Milliseconds throughout. */
export interface ReceivingOptions {
  /** Messages need a session id, and receivers accept sessions. Default: false. */
  readonly requiresSession?: boolean;
  /** How long a message or a session stays locked: 1 to 300,000. Default: 60,000. */
  readonly lockDurationMs?: number;
  /** Deliveries without a settlement until the message is dead-lettered: 1 to 2,000. Default: 10. */
  readonly maxDeliveryCount?: number;
  /** What stays longer expires; a message's own time may be shorter. Default: nothing does. */
  readonly defaultTimeToLiveMs?: number;
  /** What expires goes to the dead-letter queue. Default: it is gone. */
  readonly deadLetterOnExpiration?: boolean;
}

export interface SendingOptions {
  /** A message id that comes again within this time is taken and dropped: 20,000 to 604,800,000. Default: never. */
  readonly duplicateDetectionWindowMs?: number;
}

export interface QueueOptions extends ReceivingOptions, SendingOptions {}

export interface SubscriptionOptions extends ReceivingOptions {
  /** By name. Default: one that takes everything. `{}`: none, which takes nothing. */
  readonly rules?: Readonly<Record<string, Rule>>;
}

export interface TopicOptions extends SendingOptions {
  readonly defaultTimeToLiveMs?: number;
  /** By name. */
  readonly subscriptions?: Readonly<Record<string, SubscriptionOptions>>;
}
