import type { Schema } from "../entity/schema.ts";
import type { Schedule } from "./cron.ts";
import type { Context } from "../runtime/requests.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Filter } from "./filter.ts";
import type { DeliveryPolicy } from "./policy.ts";
import type { DeliveredEvent, HandlerContext, QueueMessage } from "./types.ts";

/** Subscriptions, workers and timers as the delivery sees them, after their declarations were checked. */

export interface SubscriptionDefinition {
  readonly name: string;
  readonly policy: DeliveryPolicy;
  readonly from: "now" | "beginning";
  /** Entity name to event type to filters, one of which must let the event through. */
  readonly wants: ReadonlyMap<string, ReadonlyMap<string, readonly Filter[]>>;
  /**
   * @param runtime for what is built on the core, and needs more than handlers do
   * @param below of what the handler causes
   */
  readonly handle: (
    event: DeliveredEvent,
    context: HandlerContext<unknown>,
    runtime: Runtime,
    below: Context,
  ) => unknown;
}

export interface WorkerDefinition {
  readonly name: string;
  readonly policy: DeliveryPolicy;
  readonly queue: string;
  readonly tenant: string;
  readonly input: Schema;
  readonly key: ((input: unknown) => string) | undefined;
  readonly authorize: ((input: unknown, message: QueueMessage) => boolean | Promise<boolean>) | undefined;
  readonly handle: (input: unknown, context: HandlerContext<unknown> & { readonly message: QueueMessage }) => unknown;
}

export interface TimerDefinition {
  readonly name: string;
  readonly policy: DeliveryPolicy;
  readonly cron: string;
  readonly zone: string;
  readonly missed: "latest" | "skip";
  readonly tenant: string;
  readonly schedule: Schedule;
  readonly handle: (context: HandlerContext<unknown> & { readonly tick: number }) => unknown;
}
