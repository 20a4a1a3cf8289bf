import { HoldfastError } from "../core/errors.ts";
import type { System } from "../core/runtime/system.ts";

/** Past its deadline a command gets this long to tell by itself what became of it, milliseconds. */
export const graceMs = 100;

/** The work's result, or `late()` as the error if it takes longer than `ms`. The work itself goes on. */
export function within<T>(system: System, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = system.after(ms, () => reject(late()));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Bounds the time of many pieces of work, all by the same number of milliseconds, with one timer for all of them. */
export interface Deadlines {
  /** As `within`. */
  bound<T>(work: Promise<T>, late: () => Error): Promise<T>;
  /** Lets the timer go once nothing is under way any more, so that it keeps no process alive. */
  close(): void;
}

export function createDeadlines(system: System, ms: number): Deadlines {
  // In the order of their deadlines, since all have the same time.
  const waiting = new Set<{ readonly at: number; readonly expire: () => void }>();
  let cancelTimer: (() => void) | undefined;
  let closed = false;

  function look(): void {
    cancelTimer = undefined;
    const now = system.now();
    for (const item of waiting) {
      if (item.at > now) {
        cancelTimer = system.after(item.at - now, look);
        return;
      }
      waiting.delete(item);
      item.expire();
    }
  }

  return {
    bound: (work, late) =>
      new Promise((resolve, reject) => {
        const item = { at: system.now() + ms, expire: () => reject(late()) };
        const done = (): void => {
          waiting.delete(item);
          if (closed && waiting.size === 0) cancelTimer?.();
        };
        waiting.add(item);
        cancelTimer ??= system.after(ms, look);
        work.then(
          (value) => {
            done();
            resolve(value);
          },
          (error: unknown) => {
            done();
            reject(error);
          },
        );
      }),
    close() {
      closed = true;
      if (waiting.size === 0) cancelTimer?.();
    },
  };
}

/** A read that takes too long is given up: it has no effects that anybody could wonder about. */
export function inTime<T>({ deadlines }: { readonly deadlines: Deadlines }, work: Promise<T>): Promise<T> {
  return deadlines.bound(work, () => {
    return new HoldfastError("deadline-exceeded", "The read took too long.", { retry: "later", retryAfterMs: 1_000 });
  });
}
