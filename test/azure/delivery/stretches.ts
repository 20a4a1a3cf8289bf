import { AsyncLocalStorage } from "node:async_hooks";
import type { System } from "../../../src/core/runtime/system.ts";

/** A part of a function's run: up to its end, or until it waits. */
export interface Stretch {
  readonly ended: Promise<void>;
}

/** A run of a function. */
export interface Run {
  /** How many things it waits for. */
  readonly waits: number;
  /** Called when it begins to wait. */
  onWait: () => void;
}

interface Going extends Run {
  waits: number;
  /** Ends the stretch that is going on. */
  end(): void;
}

/** Tells runs of functions that are at work from those that wait in place: nobody waits for the latter. */
export interface Stretches {
  /** Begins a run; answers its first stretch. */
  run(work: (run: Run) => Promise<void>): Stretch;
  /** As the function's system, whose timers are what it waits for. */
  watched(system: System): System;
}

/** @param goesOn is told of a stretch that begins by itself */
export function createStretches(goesOn: (stretch: Stretch) => void): Stretches {
  const runs = new AsyncLocalStorage<Going>();

  function stretchOf(run: Going): Stretch {
    return { ended: new Promise((resolve) => (run.end = resolve)) };
  }

  return {
    run(work) {
      const run: Going = { waits: 0, onWait: () => {}, end: () => {} };
      const first = stretchOf(run);
      void runs.run(run, () => work(run)).finally(() => run.end());
      return first;
    },
    watched: (system) => ({
      ...system,
      after(delayMs, task) {
        const run = runs.getStore();
        if (run === undefined) return system.after(delayMs, task);
        if (++run.waits === 1) {
          run.end();
          run.onWait();
        }
        let isOver = false;
        const over = (): void => {
          if (isOver) return;
          isOver = true;
          if (--run.waits === 0) goesOn(stretchOf(run));
        };
        const cancel = system.after(delayMs, () => {
          over();
          task();
        });
        return () => {
          over();
          cancel();
        };
      },
    }),
  };
}
