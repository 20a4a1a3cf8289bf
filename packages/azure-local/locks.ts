import { setTimeout as sleep } from "node:timers/promises";

/** Keeps a lock until it is no longer wanted. */
export interface Lock {
  /** Until when it is held, as far as is known: milliseconds since 1970. */
  until(): number;
  /** Nobody renews it from now on. */
  release(): Promise<void>;
}

/**
 * Renews a lock whenever half of what is left of it is over, for `longestMs` at most.
 * @param renew resolves to the time until which it is held; undefined: not now
 */
export function keepLock(until: Date | undefined, renew: () => Promise<Date> | undefined, longestMs: number): Lock {
  const released = new AbortController();
  const { signal } = released;
  const end = Date.now() + longestMs;
  let held = until?.getTime() ?? Date.now();

  async function keep(): Promise<void> {
    try {
      for (;;) {
        const leftMs = held - Date.now();
        if (leftMs <= 0 || Date.now() + leftMs / 2 > end) return;
        await sleep(Math.max(10, leftMs / 2), undefined, { signal });
        held = (await renew())?.getTime() ?? held;
      }
    } catch {
      // Released, or lost: who has the message notices when it is settled.
    }
  }

  const kept = keep();
  return {
    until: () => held,
    async release() {
      released.abort();
      await kept;
    },
  };
}
