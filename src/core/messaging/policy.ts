import { boundedNumbers, type Bounds } from "../bounds.ts";
import { declarationError } from "../entity/names.ts";
import { isHoldfastError } from "../errors.ts";

/** How a handler is run and what happens when it fails. The same on all targets. */
export interface DeliveryOptions {
  /** Failures of the handler after which a message is dead-lettered, 1 to 100. Default 10. */
  readonly maxAttempts?: number;
  /** How long after its first failure a message is still tried, failures of the store included; 1 s to 14 days. Default 3 days. */
  readonly maxAgeMs?: number;
  /** How long one attempt may take, 1 to 900,000. Default 30,000. */
  readonly timeoutMs?: number;
  /** Messages handled at once, 1 to 1,000; those of one entity are never handled at once. Default 16. */
  readonly concurrency?: number;
  /** Delay before the second attempt, 1 to 300,000; it doubles with each failure, and half of it is chance. Default 500. */
  readonly retryFirstMs?: number;
  /** Longest delay, 1 to 300,000. Default 300,000 (5 minutes). */
  readonly retryMaxMs?: number;
}

export type DeliveryPolicy = Required<DeliveryOptions>;

const bounds: Bounds<keyof DeliveryPolicy> = {
  maxAttempts: [1, 10, 100],
  maxAgeMs: [1_000, 3 * 86_400_000, 14 * 86_400_000],
  timeoutMs: [1, 30_000, 900_000],
  concurrency: [1, 16, 1_000],
  retryFirstMs: [1, 500, 300_000],
  retryMaxMs: [1, 300_000, 300_000],
};

export const deliveryOptionNames: readonly string[] = Object.keys(bounds);

/** The options with their defaults. @throws HoldfastError `invalid-declaration` for one that is out of bounds */
export function deliveryPolicy(what: string, options: DeliveryOptions): DeliveryPolicy {
  const checked = boundedNumbers(what, bounds, options);
  if (checked.retryFirstMs <= checked.retryMaxMs) return checked;
  throw declarationError(
    `retryFirstMs of ${what} is ${checked.retryFirstMs}, more than retryMaxMs, ${checked.retryMaxMs}.`,
  );
}

/** How often a message has failed, and since when. Absent before the first failure. */
export interface Failures {
  /** Failures of the handler itself; outages are not counted. */
  readonly attempts: number;
  /** First failure of either kind, epoch milliseconds. */
  readonly since: number;
}

export type Verdict =
  | { readonly kind: "retry"; readonly failures: Failures; readonly delayMs: number }
  | { readonly kind: "dead"; readonly failures: Failures };

/**
 * What becomes of a message whose handler failed. Errors that say `retry: "later"` (an overloaded store, an outcome that
 * is unknown, code that is too old for the event) do not count as attempts: an outage dead-letters nothing before
 * `maxAgeMs`. Those that say `retry: "never"` end it at once.
 */
export function verdictOf(
  error: unknown,
  before: Failures | undefined,
  policy: DeliveryPolicy,
  now: number,
  random: () => number,
): Verdict {
  const known = isHoldfastError(error) ? error : undefined;
  const outage = known?.retry === "later";
  const since = before?.since ?? now;
  const attempts = (before?.attempts ?? 0) + (outage ? 0 : 1);
  const failures = { attempts, since };
  // `internal` is a failure in the code that was called; the next attempt may find it mended.
  const final = known?.retry === "never" && known.code !== "internal";
  const tooOften = !outage && attempts >= policy.maxAttempts;
  if (final || tooOften || now - since >= policy.maxAgeMs) return { kind: "dead", failures };
  const { retryFirstMs, retryMaxMs } = policy;
  // What is not counted waits as long again as it has waited already: that doubles, too.
  const wanted = outage ? Math.max(retryFirstMs, now - since) : retryFirstMs * 2 ** (attempts - 1);
  const delayMs = Math.min(retryMaxMs, wanted) * (0.5 + random() / 2);
  // What somebody else asks for is heard, within our own bound.
  const asked = Math.min(bounds.retryMaxMs[2], Number(known?.retryAfterMs) || 0);
  return { kind: "retry", failures, delayMs: Math.ceil(Math.max(delayMs, asked)) };
}
