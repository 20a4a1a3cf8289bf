import type { Clock } from "../clock.ts";

/** What all entities of a broker share. */
export interface StoreContext {
  readonly clock: Clock;
  /** A new UUID. */
  newId(): string;
  /** Told how many filters were looked at for a message. */
  filtersEvaluated(count: number): void;
}

/** Rising numbers from 1. */
export function createCounter(): () => number {
  let last = 0;
  return () => ++last;
}
