/**
 * What a caller may do about an error:
 * - `never`: the same request fails again;
 * - `reload`: the caller's picture is out of date; read again, then decide anew;
 * - `later`: the same request, with the same idempotency key, may succeed later.
 */
export type Retry = "never" | "reload" | "later";

export interface HoldfastErrorOptions {
  readonly retry?: Retry;
  /** How long to wait before a retry, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Machine-readable detail for the caller, e.g. the paths that failed validation. Never internals. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

/**
 * The one error of Holdfast. `code` is a string and part of the public contract (docs/errors.md);
 * guards read it, not `instanceof`, so that two copies of the package understand each other.
 */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: string;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;

  constructor(code: string, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? "never";
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}

/** True for an error of Holdfast, with that code if one is given; works across copies of the package. */
export function isHoldfastError(error: unknown, code?: string): error is HoldfastError {
  if (!(error instanceof Error)) return false;
  const { code: found, retry } = error as Partial<HoldfastError>;
  return typeof found === "string" && typeof retry === "string" && (code === undefined || found === code);
}

/**
 * An error that says to come back later. Of those there may be thousands in a second, at the worst of times, so that it has
 * no stack, which is a tenth of what a refusal costs.
 */
export function refusal(code: string, message: string, retryAfterMs?: number): HoldfastError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new HoldfastError(code, message, { retry: "later", ...(retryAfterMs !== undefined && { retryAfterMs }) });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What a caller is told of a failure in the app's code: that there was one. `cause` is for the log. */
export function internalError(where: string, cause: unknown): HoldfastError {
  return new HoldfastError("internal", `${where} failed unexpectedly; nothing was stored.`, { cause });
}
