import type { HoldfastError } from "../errors.ts";
import type { StreamId } from "../journal/port.ts";
import type { Scalar } from "../messaging/filter.ts";

/** An event on its way to the topic. */
export interface Publication {
  /** Events of one stream reach each queue in the order in which they were published. */
  readonly stream: StreamId;
  /** The same each time the event is published; a broker that drops duplicates knows them by it. */
  readonly id: string;
  /** `<entity>.<event type>` */
  readonly type: string;
  /**
   * The values that filters compare, of those fields that hold one. Absent: they cannot be read by this code, so every
   * subscription that wants the type gets the event, and decides where it knows more.
   */
  readonly fields: ReadonlyMap<string, Scalar> | undefined;
  /** CloudEvents 1.0 in JSON, at most 160 KiB as UTF-8. */
  readonly body: string;
}

/** A message on its way to a queue. */
export interface Parcel {
  /** With it, messages of one stream arrive in the order in which they were sent, in queues that keep an order. */
  readonly stream?: StreamId | undefined;
  /** The same each time the message is sent; a broker that drops duplicates knows them by it. 1 to 128 printable ASCII. */
  readonly id: string;
  /** JSON text; with the attributes at most 255 KiB as UTF-8. */
  readonly body: string;
  readonly attributes?: { readonly [name: string]: string } | undefined;
  /** Not to be handed out before, epoch milliseconds; only for queues without an order. It may come up to two minutes early. */
  readonly notBefore?: number | undefined;
}

/** Per entry: undefined where the broker has it for good, else why it may not have it. */
export type BusResults = readonly (HoldfastError | undefined)[];

/**
 * A broker: takes what was committed and hands it out, at least once. Handing out is the hosts' affair. What does not
 * come back as taken may be there all the same. Neither method rejects.
 */
export interface Bus {
  /** Publishes to the topic. Of one stream one at most in a call: no order rests on what a broker does with a batch. */
  publish(events: readonly Publication[]): Promise<BusResults>;
  /** Puts messages into the queue of that consumer: `sends`, `timers`, `queue:<name>`, `subscription:<name>`. */
  send(consumer: string, messages: readonly Parcel[]): Promise<BusResults>;
}
