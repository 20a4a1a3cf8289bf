/** So fast is a process's time. */
export const speed = 20;

/**
 * Makes this process's time go `speed` times as fast from `origin` (epoch milliseconds) on: what it sees of the clock, and
 * its timers. Leases of processes that died, retries and ticks then come soon. Node's own time limits stay what they are.
 */
export function speedUp(origin: number, speed: number): void {
  const { now } = Date;
  const { setTimeout: realTimeout } = globalThis;
  Date.now = () => Math.floor(origin + (now() - origin) * speed);
  const fastTimeout = <Args extends readonly unknown[]>(task: (...args: Args) => void, ms = 0, ...args: Args) =>
    realTimeout(() => task(...args), ms / speed);
  // What Node adds to its own (a promise of it) is the same.
  globalThis.setTimeout = Object.assign(fastTimeout, realTimeout);
}
