import { HoldfastError } from "../core/errors.ts";
import { createLru } from "../core/runtime/lru.ts";

/** A token bucket: so many requests a second on average, so many at once. */
export interface Rate {
  /** Requests a second, 0.001 to 1,000,000. */
  readonly perSecond: number;
  /** Requests at once after a pause, 1 to 1,000,000. Default: those of two seconds, at least 1. */
  readonly burst?: number;
}

/** Buckets by key, bounded in number: the one used longest ago is forgotten, and begins full again. */
export interface Rates {
  /** Takes one request; how long to wait where there is none left, milliseconds, rounded up. 0: it may go on. */
  take(key: string): number;
}

/** What arithmetic loses, in requests; less than the slowest rate gives in a millisecond. */
const epsilon = 1e-8;

export function createRates(
  { perSecond, burst = Math.max(1, 2 * perSecond) }: Rate,
  now: () => number,
  bucketsMax: number,
): Rates {
  const buckets = createLru<{ left: number; at: number }>(bucketsMax, Infinity);
  return {
    take(key) {
      const at = now();
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        bucket = { left: burst, at };
        buckets.set(key, bucket, 0);
      }
      // A clock that is set back gives nothing, and takes nothing.
      const passedMs = Math.max(0, at - bucket.at);
      bucket.left = Math.min(burst, bucket.left + (passedMs * perSecond) / 1_000);
      bucket.at = at;
      if (bucket.left < 1 - epsilon) return Math.max(1, Math.ceil(((1 - epsilon - bucket.left) * 1_000) / perSecond));
      bucket.left -= 1;
      return 0;
    },
  };
}

/** @throws HoldfastError `invalid-options` */
export function checkRate(option: string, rate: Rate | false): void {
  if (rate === false) return;
  const { perSecond, burst = 1, ...rest } = rate;
  const bounds = { perSecond: [0.001, perSecond], burst: [1, burst] } as const;
  for (const [name, [min, value]] of Object.entries(bounds)) {
    if (typeof value === "number" && value >= min && value <= 1_000_000) continue;
    throw invalid(`${option}.${name} is ${String(value)}; it must be a number from ${min} to 1,000,000.`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(`Unknown option "${unknown}" of ${option}. Known: perSecond, burst.`);
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
