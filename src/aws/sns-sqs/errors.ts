import { messageRefused, messageTooLarge, passing, unavailable } from "../../core/broker/bus-errors.ts";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";

/** What a request was about, and what it expected there: for messages. */
export interface Target {
  /** `Topic "arn:..."`, at the start of a sentence. */
  readonly name: string;
  /** `a FIFO topic`. */
  readonly expected: string;
}

/** What a service said of a request, or of an entry of it. */
interface Said {
  readonly code: string;
  readonly message: string;
  /** It was refused: it has had no effect, and will have none. */
  readonly refused: boolean;
  readonly cause?: unknown;
}

/** A service's entry of a batch that failed. */
export interface FailedEntry {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const throttled = /throttl|TooManyRequests|RequestLimitExceeded|OverLimit|QuotaExceeded|LimitExceeded/i;
const noAccess =
  /AccessDenied|Authorization|UnrecognizedClient|InvalidClientToken|InvalidSecurity|SignatureDoesNotMatch|ExpiredToken|CredentialsProvider|^KMS/i;
const absent = /NotFound|NonExistent|NotExist|InvalidAddress/i;
const tooLarge = /too ?l(?:ong|arge)|must be shorter/i;
const wrongKind = /MessageGroupId|MessageDeduplicationId|not valid for this (?:queue|topic) type|FIFO/i;

/** Nobody was there to take the request. */
const unreachable: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"]);

function sdkError(error: unknown): SdkError {
  return error instanceof Error ? error : new Error(String(error));
}

/** The one translation of what the SDK throws. */
export function translated(error: unknown, target: Target): HoldfastError {
  if (isHoldfastError(error)) return error;
  const { name, message, code, $metadata } = sdkError(error);
  const status = $metadata?.httpStatusCode ?? 0;
  if (status === 0 && unreachable.has(code)) {
    return passing(
      `${target.name} cannot be reached (${message}); nothing was sent. Look at region, endpoint and network.`,
      error,
    );
  }
  const refused = (status >= 400 && status < 500 && status !== 408) || noAccess.test(name);
  return explained({ code: name, message, refused, cause: error }, target);
}

/** The one translation of an entry of a batch that failed. */
export function entryError(
  { Code: code = "no code", Message: message = "no message", SenderFault: refused = false }: FailedEntry,
  target: Target,
): HoldfastError {
  return explained({ code, message, refused }, target);
}

/** An answer that says nothing of an entry: it may be there. */
export function unanswered(target: Target): HoldfastError {
  return passing(`${target.name} has answered without a word on a message; it may or may not be there.`);
}

function explained({ code, message, refused, cause }: Said, { name, expected }: Target): HoldfastError {
  const said = `${code}: ${message}`;
  if (throttled.test(code)) {
    return new HoldfastError("overloaded", `${name} is throttled (${said}).`, {
      retry: "later",
      retryAfterMs: 1_000,
      cause,
    });
  }
  if (noAccess.test(code)) {
    return passing(`${name} may not be used (${said}). docs/aws.md lists the actions that are needed.`, cause);
  }
  if (!refused) return passing(`${name} did not take a message for sure (${said}); it may or may not be there.`, cause);
  if (absent.test(code)) return unavailable(`${name} does not exist (${said}). Expected: ${expected}.`, cause);
  if (tooLarge.test(code) || tooLarge.test(message))
    return messageTooLarge(`${name} refuses a message (${said}).`, cause);
  if (wrongKind.test(message))
    return unavailable(`${name} is of another kind (${said}). Expected: ${expected}.`, cause);
  return messageRefused(`${name} refuses a message as it is (${said}).`, cause);
}
