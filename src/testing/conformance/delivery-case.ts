import type { DeadLetterStore, MessageStore, ReplayStore } from "../../core/delivery/port.ts";
import type { App } from "../../core/app.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { TestApp } from "../test-app.ts";

/** A journal with what waits to be delivered beside it: what a process needs to deliver by itself. */
export interface DeliveryStore extends Journal, MessageStore, DeadLetterStore, ReplayStore {}

/**
 * What a case asks of a message store beyond its methods:
 * - `instances`: `open` may be called more than once, each call giving another instance on the same store, as two
 *   processes have. A store that lives in one instance's memory has no such thing.
 */
export type MessageStoreNeed = "instances";

/** What a case runs with: a store of its own, empty at the start. */
export interface MessageStoreContext {
  /**
   * An instance on the case's store. Called once per case; several times only by cases that need `instances`. Whoever
   * runs the case closes what was opened.
   */
  open(): Promise<DeliveryStore> | DeliveryStore;
}

/** One claim about every message store. */
export interface MessageStoreCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  /** The case applies only to stores that have all of these. Absent: to every store. */
  readonly needs?: readonly MessageStoreNeed[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the store threw. */
  run(context: MessageStoreContext): Promise<void>;
}

/**
 * What a case asks of a target beyond starting an app:
 * - `faults`: `start` heeds `through`, so that the case can break what lies between the app and its store.
 * - `owner`: one instance at a time delivers to a consumer, for as long as a lease of some seconds lasts; where a broker
 *   hands messages out, each has an owner of its own, for as long as its handler may take.
 * - `front`: what is redriven goes before the entity's later messages; a broker puts it at the end.
 */
export type DeliveryNeed = "faults" | "owner" | "front";

/** How a case starts an app. */
export interface DeliveryStart<Services> {
  readonly services: Services;
  /** Epoch milliseconds at which its virtual clock stands. Default: the one of `createVirtualSystem`. */
  readonly now?: number;
  /** Two instances have different ones. Default 1. */
  readonly seed?: number;
  /** With `faults`: what the app works with in place of the store. */
  readonly through?: (store: DeliveryStore) => DeliveryStore;
}

/** What a case runs with. */
export interface DeliveryContext {
  /**
   * Starts an instance of an app on the case's store, which is empty at first and the same for all instances of a case;
   * resolves when its subscriptions are registered. Instances do not share their clocks. Whoever runs the case closes them.
   */
  start<Services>(app: App<unknown, Services>, options: DeliveryStart<Services>): Promise<TestApp<DeliveryStore>>;
}

/** One claim about delivery, whatever it is that delivers. */
export interface DeliveryCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  /** The case applies only to targets that have all of these. Absent: to every target. */
  readonly needs?: readonly DeliveryNeed[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the target threw. */
  run(context: DeliveryContext): Promise<void>;
}
