import type { System } from "../core/runtime/system.ts";

/** Refusals that are sent in one turn of the event loop. */
export const refusalsPerTurn = 256;

/** How often the log says that requests are refused for want of room, milliseconds. */
const saidEveryMs = 1_000;

export interface Refusals {
  /** Resolves when the refusal may be sent. */
  turn(): Promise<void>;
  /** One more was refused because this instance has too much to do. */
  count(): void;
}

/**
 * Lets refusals out a few per turn of the event loop, in their order; the rest waits, bounded by the connections. Who is
 * refused at once sends the next request at once, and as long as there is input the loop reads on: refusals alone would
 * keep it busy, and what was let in would not get on.
 */
export function createRefusals({ soon, now, log }: Pick<System, "soon" | "now" | "log">): Refusals {
  let waiting: (() => void)[] = [];
  let refused = 0;
  let saidAt = -Infinity;

  function next(): void {
    for (const go of waiting.slice(0, refusalsPerTurn)) go();
    waiting = waiting.slice(refusalsPerTurn);
    if (waiting.length > 0) soon(next);
  }

  return {
    turn: () =>
      new Promise((resolve) => {
        if (waiting.push(resolve) === 1) soon(next);
      }),
    count() {
      refused++;
      const time = now();
      if (time - saidAt < saidEveryMs) return;
      log.warn({ refused }, "too much to do: requests are refused");
      saidAt = time;
      refused = 0;
    },
  };
}
