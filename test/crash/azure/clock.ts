import { syncBuiltinESMExports } from "node:module";
import promises from "node:timers/promises";
import { speedUp } from "../local/clock.ts";

/** What `speedUp` does, and `new Date()` as well: what is read of the clock by anybody. */
export function speedUpDates(origin: number, speed: number): void {
  speedUp(origin, speed);
  const dates: DateConstructor = new Proxy(Date, {
    // Without arguments it is now.
    construct: (real, args: readonly unknown[], asked: new (...args: never) => unknown): object =>
      // What it makes is a date, be it of a class that extends it.
      Reflect.construct(real, args.length === 0 ? [Date.now()] : args, asked === dates ? real : asked) as object,
  });
  globalThis.Date = dates;
}

/** The same, and for timers that are promises: all that the host and its clients wait for. */
export function speedUpAll(origin: number, speed: number): void {
  speedUpDates(origin, speed);
  const { setTimeout: real } = promises;
  promises.setTimeout = (ms = 0, ...others) => real(ms / speed, ...others);
  syncBuiltinESMExports();
}
