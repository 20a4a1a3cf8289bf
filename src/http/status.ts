import { isHoldfastError } from "../core/errors.ts";

/** The status of every code that a caller can meet. A rejection's code is the entity's own and not in here. */
const statuses: ReadonlyMap<string, number> = new Map([
  ["malformed-request", 400],
  ["malformed-json", 400],
  ["invalid-id", 400],
  ["invalid-idempotency-key", 400],
  ["invalid-if-match", 400],
  ["invalid-query", 400],
  ["invalid-timeout", 400],
  ["invalid-tenant", 400],
  ["request-aborted", 400],
  ["unauthenticated", 401],
  ["forbidden", 403],
  ["cross-origin", 403],
  ["not-found", 404],
  ["unknown-entity", 404],
  ["unknown-command", 404],
  ["no-view", 404],
  ["no-history", 404],
  ["method-not-allowed", 405],
  ["request-timeout", 408],
  ["erased", 410],
  ["version-mismatch", 412],
  ["payload-too-large", 413],
  ["event-too-large", 413],
  ["record-too-large", 413],
  ["entity-too-large", 413],
  ["unsupported-media-type", 415],
  ["expectation-failed", 417],
  ["validation-failed", 422],
  ["idempotency-key-reused", 422],
  ["idempotency-key-expired", 422],
  ["too-many-timers", 422],
  ["rate-limited", 429],
  ["headers-too-large", 431],
  ["internal", 500],
  ["overloaded", 503],
  ["outcome-unknown", 503],
  ["deadline-exceeded", 503],
  ["circuit-open", 503],
  ["dependency-failed", 503],
  ["dependency-timed-out", 503],
  ["unknown-event", 503],
  ["not-ready", 503],
  ["unavailable", 503],
]);

/** How an error shows itself to the caller. */
export interface PublicError {
  readonly status: number;
  readonly code: string;
  /** Absent where details are none of the caller's business. */
  readonly detail: string | undefined;
  /** True if somebody should look into the log. */
  readonly unexpected: boolean;
}

/**
 * Status and code of whatever was thrown. What the store says of itself is shown by its code alone, 503 if it may pass;
 * everything else that is not in the table is `unavailable` (if it may pass) or `internal`, without detail.
 */
export function publicError(error: unknown): PublicError {
  if (!isHoldfastError(error)) return { status: 500, code: "internal", detail: undefined, unexpected: true };
  const { code, message, retry } = error;
  const status = statuses.get(code);
  if (status !== undefined && status !== 500) return { status, code, detail: message, unexpected: false };
  const later = retry === "later";
  const shown = code.startsWith("journal-") ? code : later ? "unavailable" : "internal";
  return { status: later ? 503 : 500, code: shown, detail: undefined, unexpected: true };
}

/** Reason phrases. Source: RFC 9110, section 15; RFC 6585 for 428 to 431. */
const titles: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [411, "Length Required"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [417, "Expectation Failed"],
  [422, "Unprocessable Content"],
  [423, "Locked"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
]);

export function titleOf(status: number): string {
  return titles.get(status) ?? "Error";
}
