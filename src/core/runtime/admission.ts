import { refusal, type HoldfastError } from "../errors.ts";

export interface Admission {
  /**
   * Runs the work, counted.
   * @throws HoldfastError `overloaded` (later) if too much is under way or the door is closed; nothing was begun then
   */
  admit<T>(work: () => Promise<T>): Promise<T>;
  /** Lets nothing in from now on; resolves when what is under way is over. May be called again. */
  close(): Promise<void>;
}

/** The door of a runtime: bounds what is under way, and lets `close` wait for it. */
export function createAdmission(requestsMax: number): Admission {
  let underWay = 0;
  let closing: Promise<void> | undefined;
  let idle = (): void => {};
  return {
    async admit(work) {
      if (closing) throw overloaded("this instance is shutting down");
      if (underWay >= requestsMax) throw overloaded(`${underWay} requests are under way already`);
      underWay++;
      try {
        return await work();
      } finally {
        underWay--;
        if (underWay === 0) idle();
      }
    },
    close() {
      closing ??= underWay === 0 ? Promise.resolve() : new Promise<void>((resolve) => void (idle = resolve));
      return closing;
    },
  };
}

export function overloaded(reason: string): HoldfastError {
  return refusal("overloaded", `Too busy: ${reason}.`, 1_000);
}
