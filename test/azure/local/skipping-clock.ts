import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Clock } from "@holdfast/service-bus-emulator";

/** This process's clock, which can be put forward; for a broker, and for the processes that begin after that. */
export interface SkippingClock extends Clock {
  /** Puts it forward: what falls due on the way is due now. */
  skip(ms: number): void;
  /** A module that a process loads first, so that its clock is put forward as far as this one is by then. */
  readonly preload: string;
}

/** @param file where the module is written, `.mjs` */
export function createSkippingClock(file: string): SkippingClock {
  const tasks = new Map<() => void, { readonly due: number; timer: NodeJS.Timeout }>();
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;

  function run(once: () => void): void {
    const found = tasks.get(once);
    if (found === undefined) return;
    clearTimeout(found.timer);
    tasks.delete(once);
    once();
  }

  function write(): void {
    writeFileSync(file, `const now = Date.now; Date.now = () => now() + ${aheadMs};\n`);
  }

  write();
  return {
    now,
    after(delayMs, task) {
      // Of its own, where one task is planned twice.
      const once = (): void => task();
      tasks.set(once, { due: now() + delayMs, timer: setTimeout(run, Math.max(0, delayMs), once).unref() });
      return () => {
        clearTimeout(tasks.get(once)?.timer);
        tasks.delete(once);
      };
    },
    skip(ms) {
      aheadMs += ms;
      write();
      const due = [...tasks].filter(([, task]) => task.due <= now());
      for (const [once] of due.toSorted(([, a], [, b]) => a.due - b.due)) run(once);
    },
    preload: pathToFileURL(file).href,
  };
}
