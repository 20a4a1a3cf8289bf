import { idFromBytes, silentLogger, type Logger, type System } from "../core/runtime/system.ts";
import type { Telemetry } from "../core/runtime/telemetry.ts";

/** A clock that stands still until it is told to go on. */
export interface VirtualClock {
  now(): number;
  /** Moves on by `ms`, running what falls due, in order, and letting what it starts go on. */
  advance(ms: number): Promise<void>;
}

export interface VirtualSystem extends System {
  readonly clock: VirtualClock;
}

export interface VirtualSystemOptions {
  /** Epoch milliseconds at the start. Default: 2026-01-01T00:00:00Z. */
  readonly now?: number;
  /** Equal seeds give equal random numbers and ids. Default 1. */
  readonly seed?: number;
  readonly log?: Logger;
  readonly telemetry?: Telemetry;
}

/** Time, randomness and ids that are the same in every run. */
export function createVirtualSystem(options: VirtualSystemOptions = {}): VirtualSystem {
  const random = createRandom(options.seed ?? 1);
  const timers = new Set<{ readonly at: number; readonly task: () => void }>();
  const bytes = new Uint8Array(20);
  let now = options.now ?? 1_767_225_600_000;
  return {
    now: () => now,
    random,
    newId() {
      for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
      return idFromBytes(bytes, 0);
    },
    after(delayMs, task) {
      // Whole milliseconds, as real clocks show them.
      const timer = { at: now + Math.ceil(delayMs), task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    soon: (task) => void Promise.resolve().then(task),
    log: options.log ?? silentLogger,
    telemetry: options.telemetry,
    clock: {
      now: () => now,
      async advance(ms) {
        const until = now + ms;
        for (;;) {
          await settled();
          let next: { readonly at: number; readonly task: () => void } | undefined;
          for (const timer of timers) if (timer.at <= until && (!next || timer.at < next.at)) next = timer;
          if (!next) break;
          timers.delete(next);
          now = Math.max(now, next.at);
          next.task();
        }
        now = until;
        await settled();
      },
    },
  };
}

/** Lets promises that are ready run; nothing here waits for the outside. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Uniform in [0, 1). Source: mulberry32 by Tommy Ettinger (public domain). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
