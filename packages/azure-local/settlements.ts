import { setImmediate as macrotask } from "node:timers/promises";

/** Settles one message after the other. */
export type Settle = (settlement: () => Promise<void>) => Promise<void>;

/**
 * Begins one settlement per turn of the event loop: the client joins those of one turn into one, with the outcome of the
 * first. Whether it has worked is for the caller to see; the next one does not wait for it.
 * Source: rhea, lib/session.js, write_dispositions
 */
export function createSettlements(): Settle {
  let last: Promise<unknown> = Promise.resolve();
  return (settlement) => {
    const turn = last.then(() => macrotask());
    last = turn;
    return turn.then(settlement);
  };
}
