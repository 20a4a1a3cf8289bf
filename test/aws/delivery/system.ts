import { createVirtualSystem, type VirtualSystem, type VirtualSystemOptions } from "holdfast/testing";

/** What moves with an instance's clock. */
export interface Outside {
  /** Resolves when nothing is under way. */
  quiet(): Promise<void>;
  /** It is that late now, epoch milliseconds, if it is not later already. */
  reach(now: number): void;
}

/** A virtual system whose time stands still while something is under way outside, as requests to emulators are. */
export function createPatientSystem(options: VirtualSystemOptions, { quiet, reach }: Outside): VirtualSystem {
  const system = createVirtualSystem(options);
  const timers = new Set<{ readonly at: number }>();

  /** Moves on to that time, or the next timer if that is before; whether it was a timer. */
  async function step(until: number): Promise<boolean> {
    await quiet();
    const next = Math.min(...[...timers].map(({ at }) => at), Infinity);
    const to = Math.max(system.now(), Math.min(next, until));
    // Before what falls due asks for something.
    reach(to);
    await system.clock.advance(to - system.now());
    return next <= until;
  }

  return {
    ...system,
    after(delayMs, task) {
      const timer = { at: system.now() + Math.ceil(delayMs) };
      timers.add(timer);
      const cancel = system.after(delayMs, () => {
        timers.delete(timer);
        task();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
    clock: {
      now: system.now,
      async advance(ms) {
        const until = system.now() + ms;
        while (await step(until));
        await quiet();
      },
    },
  };
}
