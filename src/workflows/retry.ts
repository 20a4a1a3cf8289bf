import { isHoldfastError } from "../core/errors.ts";
import { declarationError } from "../core/entity/names.ts";
import type { RetryOptions } from "./types.ts";

export type RetryPolicy = Required<RetryOptions>;

const bounds = { attempts: [1, 5, 1_000], firstMs: [1, 500, 86_400_000], maxMs: [1, 300_000, 86_400_000] } as const;

/** @throws HoldfastError `invalid-declaration` */
export function retryPolicy(what: string, { never = [], ...given }: RetryOptions = {}): RetryPolicy {
  const policy = { attempts: 0, firstMs: 0, maxMs: 0 };
  for (const [name, [least, normal, most]] of Object.entries(bounds)) {
    const value = given[name as keyof typeof bounds] ?? normal;
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw declarationError(
        `retry.${name} of ${what} is ${String(value)}; it must be a whole number, ${least} to ${most}.`,
      );
    }
    policy[name as keyof typeof bounds] = value;
  }
  return { ...policy, never };
}

/** When a step that has failed so often is tried again, milliseconds from now; undefined: not any more. */
export function delayOf(
  { attempts, firstMs, maxMs, never }: RetryPolicy,
  failed: number,
  error: unknown,
  random: () => number,
): number | undefined {
  const known = isHoldfastError(error) ? error : undefined;
  if (failed >= attempts || known?.retry === "never" || never.includes(codeOf(error))) return undefined;
  const wanted = Math.min(maxMs, firstMs * 2 ** Math.min(failed - 1, 40));
  return Math.ceil(wanted * (0.5 + random() / 2));
}

function codeOf(error: unknown): string {
  if (isHoldfastError(error)) return error.code;
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "";
}
