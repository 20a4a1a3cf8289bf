/** Time as the broker sees it: locks, times to live, schedules and windows follow it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs the task once, so many milliseconds from now; answers how to call it off. Calling off twice is fine. */
  after(delayMs: number, task: () => void): () => void;
}

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /** Moves on by so many milliseconds and runs, in the order of their times, all tasks that fall due on the way. */
  advance(ms: number): void;
}

// Node fires at once what is further away than this.
const timerMsMax = 2_147_483_647;

/** This process's clock. Its timers do not keep the process alive. */
export const realClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const due = Date.now() + delayMs;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const restMs = Math.max(0, due - Date.now());
      timer = setTimeout(restMs > timerMsMax ? wait : task, Math.min(restMs, timerMsMax)).unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};

/** A clock for tests, at `startMs` (default: this process's time, since clients compare with theirs). */
export function createManualClock(startMs: number = Date.now()): ManualClock {
  const tasks = new Map<number, { readonly due: number; readonly task: () => void }>();
  let now = startMs;
  let lastId = 0;

  function earliest(until: number): [id: number, due: number, task: () => void] | undefined {
    let found: [number, number, () => void] | undefined;
    for (const [id, { due, task }] of tasks) if (due <= until && (!found || due < found[1])) found = [id, due, task];
    return found;
  }

  return {
    now: () => now,
    after(delayMs, task) {
      const id = ++lastId;
      tasks.set(id, { due: now + Math.max(0, delayMs), task });
      return () => void tasks.delete(id);
    },
    advance(ms) {
      const until = now + ms;
      for (let next = earliest(until); next; next = earliest(until)) {
        const [id, due, task] = next;
        tasks.delete(id);
        now = Math.max(now, due);
        task();
      }
      now = until;
    },
  };
}
