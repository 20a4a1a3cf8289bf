import { HoldfastError, isHoldfastError } from "../errors.ts";
import type { Reason } from "./port.ts";

/** Characters of a reason that are stored. */
const messageMax = 1_000;
const stackMax = 4_000;

/** Why a handler failed, in the bounds of a dead letter; whatever was thrown. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof Error)) return { code: "thrown", message: cut(describe(error), messageMax) };
  const code = isHoldfastError(error) ? error.code : String(error.name);
  const message = cut(
    error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message,
    messageMax,
  );
  return { code: cut(code, 64), message, ...(error.stack && { stack: cut(error.stack, stackMax) }) };
}

/** What was thrown, as an error that can be looked at: what is none, or throws itself when it is, becomes one. */
export function readable(thrown: unknown): Error {
  try {
    if (!(thrown instanceof Error)) return new HoldfastError("thrown", reasonOf(thrown).message, { retry: "reload" });
    reasonOf(thrown);
    if (isHoldfastError(thrown)) Number(thrown.retryAfterMs);
    return thrown;
  } catch {
    return new Error("The handler threw an error that cannot be read.");
  }
}

function describe(thrown: unknown): string {
  try {
    return `The handler threw ${typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown))}`;
  } catch {
    return `The handler threw ${typeof thrown}`;
  }
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`.toWellFormed();
}
