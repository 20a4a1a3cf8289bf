import { setImmediate as macrotask } from "node:timers/promises";

/** What goes over the wire in a case: whether something is under way, and who is told when there may be something to do. */
export interface Traffic {
  /** Counts work as being under way. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when nothing is under way, and nothing follows from what was. */
  quiet(): Promise<void>;
  /** How much there was. */
  count(): number;
  onChange(listener: () => void): () => void;
  /** Tells all who listen. */
  changed(): void;
  /** From now on nobody gets on: who waits for quiet waits for ever. */
  end(): void;
}

export function createTraffic(): Traffic {
  const listeners = new Set<() => void>();
  let underWay = 0;
  let count = 0;
  let ended = false;
  let waiting: (() => void)[] = [];

  return {
    async during(work) {
      underWay++;
      count++;
      try {
        return await work;
      } finally {
        if (--underWay === 0) {
          for (const resume of waiting) resume();
          waiting = [];
        }
      }
    },
    async quiet() {
      do {
        if (ended) await new Promise<never>(() => {});
        if (underWay > 0) await new Promise<void>((resolve) => void waiting.push(resolve));
        // What an answer sets going is under way before the event loop has gone round.
        for (let i = 0; i < 3 && underWay === 0; i++) await macrotask();
      } while (underWay > 0);
    },
    count: () => count,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed() {
      for (const listener of listeners) listener();
    },
    end() {
      ended = true;
    },
  };
}
