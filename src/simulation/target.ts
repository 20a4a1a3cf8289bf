import type { App } from "../core/app.ts";
import type { Delivery } from "../core/delivery/delivery.ts";
import type { DeadLetterStore, ReplayStore } from "../core/delivery/port.ts";
import type { Journal } from "../core/journal/port.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { System } from "../core/runtime/system.ts";
import type { Remote } from "./calls.ts";
import type { Fates } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a target lives in that does things by itself, as a broker does: the world's time, its chance, and who reads its trace. */
export interface Surroundings {
  readonly scheduler: Pick<Scheduler, "now" | "after">;
  readonly fates: Pick<Fates, "site">;
  note(who: string, what: string): void;
}

/** What an instance hands to its target. */
export interface Connection {
  /** `i1`, `i2` ... */
  readonly name: string;
  /** Of the instance: what is timed by it stands still with it, and ends with it. */
  readonly system: System;
  /** Every call that leaves the process goes through it. */
  readonly remote: Remote;
  /** Calls back in the instance, within so many milliseconds: later if it is frozen, never if it is dead. */
  notify(withinMs: number, task: () => void): void;
  /** Resolves when the instance has died. */
  readonly ended: Promise<void>;
}

/** What one instance of an app runs on. */
export interface Ports {
  readonly journal: Journal;
  /** What delivers to the handlers of the instance, on that journal as the world observes it. */
  deliver(runtime: Runtime, on: { readonly journal: Journal; readonly services: unknown }): Delivery;
  /** Where there are replays. */
  readonly addReplay?: ReplayStore["addReplay"];
}

/** What waits, though not for ever. */
export interface Waiting {
  /** What should be done by now, or has failed: a line each. */
  readonly overdue: readonly string[];
  /** When the next one is due, epoch milliseconds. */
  readonly nextAt: number | undefined;
}

/** Where a simulated app keeps its state, and how messages get to its handlers: the same for all instances of a world. */
export interface Target {
  /** Read by checkers when all is over; no fault touches it. */
  readonly journal: Journal;
  /** For checkers and operators; no fault touches it. */
  readonly letters: DeadLetterStore;
  /** Whether an operator can have a subscription's events handled once more. */
  readonly hasReplays: boolean;
  /** How late what nothing holds back may be handed out, milliseconds. */
  readonly lateMs: number;
  /** How long things go on failing when the clients are done, milliseconds: what a target does much later fails, too. */
  readonly aftermathMs: number;
  /** What of the app waits at that time of the world, cron timers excepted: they always wait for the next tick. */
  waiting(app: App, now: number): Promise<Waiting>;
  /** The ports of one instance. */
  connect(connection: Connection): Ports;
  /** The world is over. */
  close?(): void;
}
