import { HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { keySchemaText } from "./schema.ts";

/**
 * What the SDK throws: `name` is the service's error code, or the client's own word for what happened on the way.
 * Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 */
interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const throttling: ReadonlySet<string> = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
  "LimitExceededException",
]);

const conflicts: ReadonlySet<string> = new Set([
  "TransactionConflictException",
  "TransactionCanceledException",
  "TransactionInProgressException",
  "ReplicatedWriteConflictException",
]);

/** Nobody was there to take the request. */
const unreachable: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"]);

const refusedAccess: ReadonlySet<string> = new Set([
  "AccessDeniedException",
  "AccessDenied",
  "UnrecognizedClientException",
]);

function sdkError(error: unknown): SdkError {
  return error instanceof Error ? error : new Error(String(error));
}

/**
 * True if the request that ended so certainly wrote nothing, nor will: DynamoDB refused it (4xx), or it was never sent.
 * Everything else (5xx, a time-out, a connection that broke) leaves it open.
 */
export function isDefinite(error: unknown): boolean {
  const { name, code, $metadata } = sdkError(error);
  const status = $metadata?.httpStatusCode ?? 0;
  if (status >= 400 && status < 500 && status !== 408 && !/timeout/i.test(name)) return true;
  return status === 0 && (unreachable.has(code) || name === "CredentialsProviderError");
}

/**
 * The one translation of what the SDK throws. `wrote`: the request was a write, so that a lost answer leaves its outcome
 * open.
 */
export function translated(error: unknown, table: string, wrote: boolean): HoldfastError {
  if (isHoldfastError(error)) return error;
  const { name, message, code } = sdkError(error);
  // Shown to callers, so without the table.
  if (throttling.has(name)) return passing("overloaded", "The journal is throttled; nothing was stored.", error);
  if (conflicts.has(name)) return passing("overloaded", "Another write to the journal was in the way.", error);
  if (name === "ResourceNotFoundException") {
    return new HoldfastError(
      "journal-unavailable",
      `There is no table "${table}" in this account and region (${message}). Create it ${keySchemaText}.`,
      { cause: error },
    );
  }
  if (name === "ValidationException" && /key|schema/i.test(message)) {
    return new HoldfastError(
      "journal-unavailable",
      `Table "${table}" is not one of a journal (${message}). Create one ${keySchemaText}.`,
      { cause: error },
    );
  }
  if (refusedAccess.has(name)) {
    return passing(
      "journal-failed",
      `Table "${table}" may not be used (${message}). docs/aws.md lists the actions.`,
      error,
    );
  }
  if (isDefinite(error)) {
    const reason = unreachable.has(code) ? "DynamoDB cannot be reached" : `Table "${table}" cannot be used`;
    return passing("journal-failed", `${reason} (${name}: ${message}).`, error);
  }
  return wrote
    ? passing("outcome-unknown", "The journal's answer to a write was lost; it may or may not have happened.", error)
    : passing("overloaded", "The journal did not answer.", error);
}

function passing(code: string, message: string, cause: unknown): HoldfastError {
  return new HoldfastError(code, message, { retry: "later", retryAfterMs: 1_000, cause });
}
