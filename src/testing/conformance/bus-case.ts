import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { Message } from "../../core/broker/receive.ts";

/**
 * What a case asks of a broker beyond its methods:
 * - `bounds`: it refuses what is too large for it, as any broker on a network does.
 * - `duplicates`: where it keeps an order, it drops what comes again under the same id within five minutes.
 */
export type BusNeed = "bounds" | "duplicates";

/** A broker that is set up for an app, with a way to take what it hands out. */
export interface OpenBus {
  readonly bus: Bus;
  /** The clock that the broker goes by, epoch milliseconds. */
  now(): number;
  /** Lets so much time pass for the broker. */
  advance(ms: number): Promise<void>;
  /** Takes all that the consumer's queue hands out now, in the order in which it does, and is done with it. */
  drain(consumer: string): Promise<readonly Message[]>;
}

/** What a case runs with: a broker of its own, empty at the start. */
export interface BusContext {
  /** Makes the queues and subscriptions of the app. Called once per case; whoever runs the case closes what was opened. */
  open(app: App): Promise<OpenBus>;
}

/** One claim about every broker. */
export interface BusCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  /** The case applies only to brokers that have all of these. Absent: to every broker. */
  readonly needs?: readonly BusNeed[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the broker threw. */
  run(context: BusContext): Promise<void>;
}
