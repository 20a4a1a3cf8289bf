import type { System } from "../core/runtime/system.ts";

/** Refusals that are sent in one turn of the event loop. */
export const refusalsPerTurn = 64;

/**
 * Lets refusals out a few per turn of the event loop, in their order; the rest waits, bounded by the connections. Who is
 * refused at once sends the next request at once, and as long as there is input the loop reads on: refusals alone would
 * keep it busy, and what was let in would not get on.
 */
export function createRefusals(system: Pick<System, "soon">): { turn(): Promise<void> } {
  let waiting: (() => void)[] = [];

  function next(): void {
    for (const go of waiting.slice(0, refusalsPerTurn)) go();
    waiting = waiting.slice(refusalsPerTurn);
    if (waiting.length > 0) system.soon(next);
  }

  return {
    turn: () =>
      new Promise((resolve) => {
        if (waiting.push(resolve) === 1) system.soon(next);
      }),
  };
}
