import { createLine, type Line } from "./line.ts";

/** Takes one message and answers true, or answers false when it wants none now. */
export type Offer = () => boolean;

/** Messages that wait in order, and who would take them. */
export interface Lane {
  readonly line: Line;
  /** From now on it is offered what arrives; answers how to end that. Who comes later waits behind. */
  watch(offer: Offer): () => void;
  /** Offers, one message at a time and in turns, until nothing is left or nobody wants more. */
  wake(): void;
}

export function createLane(): Lane {
  const line = createLine();
  let watchers: readonly Offer[] = [];

  function turn(): boolean {
    for (const offer of watchers) {
      if (!offer()) continue;
      // Whoever took one waits behind the others for the next.
      watchers = [...watchers.filter((other) => other !== offer), ...watchers.filter((other) => other === offer)];
      return true;
    }
    return false;
  }

  return {
    line,
    watch(offer) {
      watchers = [...watchers, offer];
      return () => {
        watchers = watchers.filter((other) => other !== offer);
      };
    },
    wake() {
      while (line.size > 0 && turn());
    },
  };
}
