/** The time of a simulated world, and the order in which everything in it happens. */
export interface Scheduler {
  /** The world's own time, epoch milliseconds with fractions; the clocks of its instances may differ. */
  now(): number;
  /** Tasks run so far. */
  readonly steps: number;
  /** Runs the task after that many milliseconds; the returned function cancels it. Equal times keep their order. */
  after(delayMs: number, task: () => void): () => void;
  sleep(delayMs: number): Promise<void>;
  /**
   * Runs task after task until `life` is settled, each after all that its predecessor has made ready. Answers `stuck` if
   * nothing is left to run before that: something waits for the world outside.
   * @throws what a task throws
   */
  run(life: Promise<unknown>, stepsMax: number): Promise<"over" | "stuck" | "endless">;
}

const ready = Promise.resolve();

interface Task {
  readonly time: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export function createScheduler(start: number): Scheduler {
  const heap: Task[] = [];
  let now = start;
  let order = 0;
  let steps = 0;

  function after(delayMs: number, run: () => void): () => void {
    const task: Task = { time: now + (delayMs > 0 ? delayMs : 0), order: order++, run };
    push(heap, task);
    return () => {
      task.run = undefined;
    };
  }

  return {
    now: () => now,
    get steps() {
      return steps;
    },
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    run(life, stepsMax) {
      let over = false;
      const end = (): void => {
        over = true;
      };
      life.then(end, end);
      return new Promise((resolve, reject) => {
        // A tick runs when every promise that is ready has been seen to; asking for it from a promise's reaction puts it
        // behind them. It costs a tenth of a timer of the event loop, and a world has thousands of steps.
        const tick = (): void => process.nextTick(step);
        const later = (): void => void ready.then(tick);
        const step = (): void => {
          if (over) return resolve("over");
          if (steps >= stepsMax) return resolve("endless");
          let task = pop(heap);
          while (task && task.run === undefined) task = pop(heap);
          if (task?.run === undefined) return resolve("stuck");
          now = task.time;
          steps++;
          try {
            task.run();
          } catch (error) {
            return reject(error);
          }
          later();
        };
        later();
      });
    },
  };
}

// A binary heap, the earliest task first.

function isBefore(a: Task, b: Task): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function push(heap: Task[], task: Task): void {
  let at = heap.length;
  heap.push(task);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Task;
    if (!isBefore(task, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = task;
}

function pop(heap: Task[]): Task | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child++;
    const below = heap[child] as Task;
    if (!isBefore(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return first;
}
