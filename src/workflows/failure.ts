import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import type { Failure } from "./facts.ts";

/** What the code of a workflow hears of it. */
export function errorOf({ code, message }: Failure): HoldfastError {
  return new HoldfastError(code, message);
}

/** What was thrown, as it is stored: of an error that is no HoldfastError its name is the code. */
export function failureOf(error: unknown, fallback: string): Failure {
  if (isHoldfastError(error)) return { code: error.code.slice(0, 64), message: cut(error.message) };
  if (error instanceof Error) return { code: fallback, message: cut(`${error.name}: ${error.message}`) };
  return { code: fallback, message: `Something that is no error was thrown: ${textOf(error).slice(0, 200)}` };
}

/** Characters of a failure's text that are stored. */
const messageMax = 1_000;

function cut(text: string): string {
  return text.length <= messageMax ? text : `${text.slice(0, messageMax - 1)}…`.toWellFormed();
}

function textOf(thrown: unknown): string {
  try {
    return typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown);
  } catch {
    return "an object";
  }
}
