import type { Retry } from "../core/errors.ts";

export interface ClientErrorOptions {
  readonly retry?: Retry;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly details?: unknown;
  readonly cause?: unknown;
}

/**
 * Whatever is no answer of the entity: thrown by every function of the client. The shape is that of HoldfastError, so
 * that guards which read `code` work for both. Codes of the server are those of docs/errors.md; the client's own are
 * `unreachable`, `timeout`, `aborted`, `unexpected-answer` and `headers-failed`. What the server would refuse in any case
 * is refused before anything is sent, with the server's code: `invalid-id`, `invalid-query`, `invalid-if-match`,
 * `malformed-json`.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: string;
  /** `later`: the same call with the same `key` may succeed; `reload`: read, then decide anew; `never`: it fails again. */
  readonly retry: Retry;
  /** HTTP status of the last answer; `undefined` where none came. */
  readonly status: number | undefined;
  /** How long the server asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The paths that failed validation, as the server told them. */
  readonly details: unknown;
  /** The command's idempotency key: whoever calls again with it gets the effect once. `undefined` for reads. */
  readonly key: string | undefined = undefined;
  /** How many attempts were made, 0 if it failed before the first. */
  readonly attempts: number = 0;

  constructor(code: string, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? "never";
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}

/** True for an error of the client, with that code if one is given; works across copies of the package. */
export function isClientError(error: unknown, code?: string): error is ClientError {
  const { name, code: found } = (error ?? {}) as Partial<ClientError>;
  return name === "ClientError" && (code === undefined || found === code);
}
