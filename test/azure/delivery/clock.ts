import { createManualClock, type Clock } from "@holdfast/service-bus-emulator";

/** The broker's time, which moves with the instances'. */
export interface BrokerClock {
  readonly clock: Clock;
  /** It is that late now, if it is not later already; what falls due on the way happens. */
  reach(now: number): void;
  /** When the broker does something by itself next, epoch milliseconds; Infinity: nothing. */
  nextAt(): number;
}

export function createBrokerClock(startMs: number): BrokerClock {
  const manual = createManualClock(startMs);
  /** By time, how many: thousands may be for the same moment. */
  const times = new Map<number, number>();

  function forget(at: number): void {
    const left = (times.get(at) ?? 1) - 1;
    if (left === 0) times.delete(at);
    else times.set(at, left);
  }

  return {
    clock: {
      now: manual.now,
      after(delayMs, task) {
        const at = manual.now() + Math.max(0, delayMs);
        times.set(at, (times.get(at) ?? 0) + 1);
        let isOver = false;
        const end = (): void => {
          if (!isOver) forget(at);
          isOver = true;
        };
        const callOff = manual.after(delayMs, () => {
          end();
          task();
        });
        return () => {
          end();
          callOff();
        };
      },
    },
    reach(now) {
      if (now > manual.now()) manual.advance(now - manual.now());
    },
    nextAt: () => Math.min(Infinity, ...times.keys()),
  };
}
