import type { System } from "../../../src/core/runtime/system.ts";
import type { Traffic } from "./traffic.ts";

/** Renews a lock when half of its time is over, until it is told to stop. */
export type KeepLock = (until: Date | undefined, renew: () => Promise<Date>) => () => void;

/** Locks of an instance that lives as long as it is not closed. */
export function createLocks(system: System, { during }: Traffic, isClosed: () => boolean): KeepLock {
  return (until, renew) => {
    let cancel = (): void => {};
    let stopped = false;

    function plan(held: number): void {
      cancel = system.after(Math.max(1, (held - system.now()) / 2), () => {
        if (!stopped && !isClosed()) void renewed();
      });
    }
    async function renewed(): Promise<void> {
      try {
        plan((await during(renew())).getTime());
      } catch {
        // It is lost: whoever settles what it was for finds out.
      }
    }

    plan(until?.getTime() ?? system.now());
    return () => {
      stopped = true;
      cancel();
    };
  };
}
