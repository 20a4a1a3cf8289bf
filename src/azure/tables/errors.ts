import { HoldfastError, isHoldfastError } from "../../core/errors.ts";

/**
 * What the SDK throws: `statusCode` is the service's answer, or absent where there was none; its error code is in `code`
 * (of a transaction) or in the parsed body; `code` may be Node's, too.
 * Source: learn.microsoft.com/rest/api/storageservices/table-service-error-codes
 */
interface SdkError extends Error {
  readonly code?: unknown;
  readonly statusCode?: number;
  readonly details?: { readonly odataError?: { readonly code?: unknown }; readonly Code?: unknown };
}

/** Nobody was there to take the request. */
const unreachable: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"]);

/** What @azure/identity throws where it has no token; nothing was sent. */
const noCredentials: ReadonlySet<string> = new Set([
  "CredentialUnavailableError",
  "AuthenticationError",
  "AggregateAuthenticationError",
  "AuthenticationRequiredError",
]);

/** The table's part in a 404 or 409. */
const tableCodes: ReadonlySet<string> = new Set(["TableNotFound", "TableBeingDeleted"]);

function sdkError(error: unknown): SdkError {
  return error instanceof Error ? error : new Error(String(error));
}

/** The service's word for what went wrong; empty where it did not say. */
function codeOf({ code, details }: SdkError): string {
  const found = [details?.odataError?.code, details?.Code, code].find((each) => typeof each === "string");
  return typeof found === "string" ? found : "";
}

/** One row stands where none may, or is not the one that was seen (also: is not there). */
export function isConflict(error: unknown): boolean {
  const one = sdkError(error);
  if (tableCodes.has(codeOf(one))) return false;
  return one.statusCode === 409 || one.statusCode === 412 || one.statusCode === 404;
}

/** The row is not there. */
export function isAbsent(error: unknown): boolean {
  const one = sdkError(error);
  return one.statusCode === 404 && !tableCodes.has(codeOf(one));
}

/**
 * True of an answer after which a write certainly did not happen, nor will: Table storage refused it (4xx), or had no
 * time for it (429; 503 `ServerBusy`: "currently unable to receive requests"). Every other failure leaves it open.
 */
export function isRefusal(status: number, code: string): boolean {
  if (status === 503) return code === "ServerBusy";
  return status >= 400 && status < 500 && status !== 408;
}

/** The same of what was thrown: also where a request was never sent. */
export function isDefinite(error: unknown): boolean {
  const one = sdkError(error);
  if (one.statusCode !== undefined) return isRefusal(one.statusCode, codeOf(one));
  return unreachable.has(one.code) || noCredentials.has(one.name);
}

/**
 * The one translation of what the SDK throws. `doubt`: the request was a write, of which this or an earlier attempt may
 * have happened.
 */
export function translated(error: unknown, table: string, doubt: boolean): HoldfastError {
  if (isHoldfastError(error)) return error;
  const one = sdkError(error);
  const code = codeOf(one);
  if (doubt) {
    const message = "The journal's answer to a write was lost; it may or may not have happened.";
    return passing("outcome-unknown", message, error);
  }
  if (one.statusCode === 429 || one.statusCode === 503) {
    // Shown to callers, so without the table.
    return passing("overloaded", "The journal is throttled; nothing was stored.", error);
  }
  // The first line: the rest is the number and the time of the request.
  const said = `${code || one.name}: ${one.message.split("\n", 1)[0]?.slice(0, 200)}`;
  if (code === "TableNotFound") {
    return new HoldfastError(
      "journal-unavailable",
      `There is no table "${table}" in this storage account (${said}). Create it (createTable of the client).`,
      { cause: error },
    );
  }
  if (one.statusCode === 401 || one.statusCode === 403) {
    const message = `Table "${table}" may not be used (${said}). docs/azure.md lists the roles.`;
    return passing("journal-failed", message, error);
  }
  if (!isDefinite(error)) return passing("overloaded", "The journal did not answer.", error);
  const reason = unreachable.has(one.code) ? "Table storage cannot be reached" : `Table "${table}" cannot be used`;
  return passing("journal-failed", `${reason} (${said}).`, error);
}

function passing(code: string, message: string, cause: unknown): HoldfastError {
  return new HoldfastError(code, message, { retry: "later", retryAfterMs: 1_000, cause });
}
