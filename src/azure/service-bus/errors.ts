import { messageRefused, messageTooLarge, passing, unavailable } from "../../core/broker/bus-errors.ts";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";

interface SdkError extends Error {
  readonly code?: unknown;
}

const throttled: ReadonlySet<unknown> = new Set(["ServiceBusy", "QuotaExceeded"]);
/** The SDK has them as a code, or in the text of a "GeneralError". */
const unreachable = /\b(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)\b/;

/**
 * The one translation of what the SDK throws; `name` is what was sent to, for the message.
 * Source: ServiceBusError of @azure/service-bus, "code"; core-amqp, retry.ts: what was tried more than once fails with all
 * attempts' errors together.
 */
export function translated(error: unknown, name: string): HoldfastError {
  if (isHoldfastError(error)) return error;
  if (error instanceof AggregateError) return translatedAll(error, name);
  const { name: kind, message, code }: SdkError = error instanceof Error ? error : new Error(String(error));
  const said = `${String(code ?? kind)}: ${message}`;
  if (throttled.has(code)) {
    return new HoldfastError("overloaded", `${name} is throttled (${said}).`, {
      retry: "later",
      retryAfterMs: 2_000,
      cause: error,
    });
  }
  if (code === "MessageSizeExceeded") return messageTooLarge(`${name} refuses a message (${said}).`, error);
  if (code === "MessagingEntityNotFound" || code === "MessagingEntityDisabled") {
    return unavailable(`${name} cannot be sent to (${said}). Look at the deployment's names and prefix.`, error);
  }
  if (code === "UnauthorizedAccess") {
    return passing(`${name} may not be used (${said}). docs/azure.md lists the roles that are needed.`, error);
  }
  // The SDK itself refuses what is no message.
  if (kind === "TypeError" || kind === "RangeError")
    return messageRefused(`${name} refuses a message (${said}).`, error);
  if (unreachable.test(said)) {
    return passing(`${name} cannot be reached (${said}); nothing was sent. Look at namespace and network.`, error);
  }
  return passing(`${name} did not take a message for sure (${said}); it may or may not be there.`, error);
}

/** An attempt of which it is not known what it did decides; where there is none, the last one does. */
function translatedAll({ errors }: AggregateError, name: string): HoldfastError {
  const all = errors.map((error: unknown) => translated(error, name));
  return all.find(({ code }) => code === "bus-failed") ?? all.at(-1) ?? passing(`${name} did not take a message.`);
}
