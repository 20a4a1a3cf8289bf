import type { Reach } from "../dependency/reach.ts";
import type { InputOf, OutputOf, Schema } from "../entity/schema.ts";
import type { Caller, EntityRef, EntitySpec } from "../entity/types.ts";
import type { Logger } from "../runtime/system.ts";
import type { SubscriptionDefinition, TimerDefinition, WorkerDefinition } from "./definition.ts";
import type { Interest } from "./filter.ts";
import type { DeliveryOptions } from "./policy.ts";

/** What every handler gets besides its message. */
export interface HandlerContext<Services> {
  /**
   * Runs a command in the message's tenant, as the system: `await call(order, event.subject).open({ ... })`. It takes
   * effect once however often the message is delivered: its key derives from the message, this handler, the target, the
   * command, and how many such calls came before; or it is given. A rejection is returned; whatever else goes wrong is
   * thrown, and the retry under the same key settles it.
   * @throws HoldfastError `handler-not-deterministic` if an earlier attempt made another call under the same key,
   * `handler-finished` after the handler has returned or run out of time
   */
  readonly call: <S extends EntitySpec>(
    entity: EntityRef<S>,
    id: string,
    options?: {
      /** 1 to 255 printable ASCII characters, instead of the derived key. */
      readonly key?: string;
    },
  ) => Caller<S>;
  readonly services: Services;
  /**
   * Asks something outside that may be slow or down, within what the attempt's time leaves, under a key that derives as those of
   * calls do: `await reach(bank, ({ headers, signal }) => fetch(url, { headers, signal }))`.
   */
  readonly reach: Reach;
  /** From 1; an attempt that failed because the store did is not counted. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Aborted when the handler runs out of time, or must stop: to hand on to `fetch`. */
  readonly signal: AbortSignal;
  /** Writes lines with the message's ids. */
  readonly log: Logger;
}

/** An event as a handler gets it. */
export interface DeliveredEvent<Type extends string = string, Data = unknown> {
  /** Unique; the same at every delivery. */
  readonly id: string;
  /** `<entity>.<event type>` */
  readonly type: Type;
  /** The id of the entity that it happened to. */
  readonly subject: string;
  /** In the newest shape of its type. */
  readonly data: Data;
  /** Commit time, epoch milliseconds. */
  readonly time: number;
  /** Place among the entity's events, from 1. */
  readonly version: number;
  readonly tenant: string;
  /** The id that all effects of one cause share. */
  readonly correlation: string;
}

/** The events that interests let through; `type` tells which. */
export type EventsOf<Interests extends readonly Interest[]> = Interests[number] extends infer I
  ? I extends Interest<infer Name, infer Type, infer Data>
    ? DeliveredEvent<`${Name}.${Type}`, Data>
    : never
  : never;

export interface SubscriptionOptions<Interests extends readonly Interest[], Services> extends DeliveryOptions {
  /** Which events: those that at least one of these lets through. */
  readonly to: Interests;
  /**
   * Where a subscription that is new to a deployment begins: with what is committed from then on (default), or with the
   * first event ever.
   */
  readonly from?: "now" | "beginning";
  /** Called at least once for each event, in the order of versions for each entity; never at once for one entity. */
  readonly handle: (event: EventsOf<Interests>, context: HandlerContext<Services>) => unknown;
}

/** A message as somebody put it into a queue. */
export interface QueueMessage {
  /** The sender's, or given when it was sent. */
  readonly id: string;
  /** What came beside the body; string values. */
  readonly attributes: { readonly [name: string]: string };
}

export interface WorkerOptions<I extends Schema, Services> extends DeliveryOptions {
  /** The queue's name; others fill it. */
  readonly queue: string;
  /** Checks and shapes a message; what it refuses is dead-lettered. */
  readonly input: I;
  /** What makes two messages the same one: calls take effect once for each. Default: the message's id. */
  readonly key?: (input: OutputOf<I>) => string;
  /** Whether the message may do what it asks for; false dead-letters it. Default: whoever can fill the queue may. */
  readonly authorize?: (input: OutputOf<I>, message: QueueMessage) => boolean | Promise<boolean>;
  /** In which tenant its calls run. Default `default`. */
  readonly tenant?: string;
  /** Called at least once for each message, in no particular order. */
  readonly handle: (
    input: OutputOf<I>,
    context: HandlerContext<Services> & { readonly message: QueueMessage },
  ) => unknown;
}

export interface TimerOptions<Services> extends DeliveryOptions {
  /** Minute, hour, day of month, month, day of week: `0 3 * * *`. */
  readonly cron: string;
  /** IANA name. Default `UTC`. */
  readonly zone?: string;
  /** Ticks that fell due while nothing ran: the latest of them is made up for (default), or none. */
  readonly missed?: "latest" | "skip";
  /** In which tenant its calls run. Default `default`. */
  readonly tenant?: string;
  /** Called at least once for each tick, one tick after the other. */
  readonly handle: (
    context: HandlerContext<Services> & {
      /** When the tick was due, epoch milliseconds; the same at every delivery of it. */
      readonly tick: number;
    },
  ) => unknown;
}

declare const services: unique symbol;
declare const input: unique symbol;

/** A declared subscription, for `app({ subscriptions })`. */
export interface Subscription<Services = unknown> {
  readonly name: string;
  readonly definition: SubscriptionDefinition;
  readonly [services]?: (services: Services) => void;
}

/** A declared worker, for `app({ workers })`. */
export interface Worker<I extends Schema = Schema, Services = unknown> {
  readonly name: string;
  readonly definition: WorkerDefinition;
  readonly [services]?: (services: Services) => void;
  readonly [input]?: InputOf<I>;
}

/** A declared timer, for `app({ timers })`. */
export interface Timer<Services = unknown> {
  readonly name: string;
  readonly definition: TimerDefinition;
  readonly [services]?: (services: Services) => void;
}
