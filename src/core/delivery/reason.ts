import { isHoldfastError } from "../errors.ts";
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

/** What was thrown, unless it throws itself when it is looked at. */
export function readable(thrown: unknown): unknown {
  try {
    reasonOf(thrown);
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
