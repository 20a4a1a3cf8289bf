import { boundedNumbers, type Bounds } from "./bounds.ts";
import { isHoldfastError } from "./errors.ts";

/** How often and how soon what has failed is tried again. */
export interface RetryOptions {
  /** Attempts in all, 1 to 1,000. Default 5 for a workflow's step, 3 for a call of a dependency. */
  readonly attempts?: number;
  /** Delay before the second attempt, 1 to 86,400,000. Default 500, and 100; it doubles with each failure, and half of it is chance. */
  readonly firstMs?: number;
  /** Longest delay. Default 300,000, and 2,000. */
  readonly maxMs?: number;
  /** Codes of errors after which it is not tried again. An error that says `retry: "never"` is one anyway. */
  readonly never?: readonly string[];
}

export type RetryPolicy = Required<RetryOptions>;

type Defaults = Omit<RetryPolicy, "never">;

/** @throws HoldfastError `invalid-declaration` */
export function retryPolicy(
  what: string,
  { never = [], ...given }: RetryOptions = {},
  { attempts, firstMs, maxMs }: Defaults = { attempts: 5, firstMs: 500, maxMs: 300_000 },
): RetryPolicy {
  const bounds: Bounds<keyof Defaults> = {
    attempts: [1, attempts, 1_000],
    firstMs: [1, firstMs, 86_400_000],
    maxMs: [1, maxMs, 86_400_000],
  };
  return { ...boundedNumbers(`retry of ${what}`, bounds, given), never };
}

/** True for an answer that will be the same next time: the error says so, or its code is one of those. */
export function isFinal({ never }: Pick<RetryPolicy, "never">, error: unknown): boolean {
  return (isHoldfastError(error) && error.retry === "never") || never.includes(codeOf(error));
}

/** When what has failed so often is tried again, milliseconds from now; no sooner than its error asks for; undefined: not any more. */
export function delayOf(policy: RetryPolicy, failed: number, error: unknown, random: () => number): number | undefined {
  const { attempts, firstMs, maxMs } = policy;
  if (failed >= attempts || isFinal(policy, error)) return undefined;
  const wanted = Math.min(maxMs, firstMs * 2 ** Math.min(failed - 1, 40));
  const asked = isHoldfastError(error) ? Math.min(86_400_000, Number(error.retryAfterMs) || 0) : 0;
  return Math.ceil(Math.max(wanted * (0.5 + random() / 2), asked));
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "";
}
