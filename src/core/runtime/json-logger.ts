import { HoldfastError } from "../errors.ts";
import { isoTime, type Logger } from "./system.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
type Level = (typeof levels)[number];

/** Causes of an error that are written. */
const causesMax = 8;

/**
 * One JSON line for each entry, in the fields that Lambda's own JSON logs have: `timestamp`, `level`, `message`, then the
 * entry's. An `error` is written with its code, its stack and its causes. Never throws: what is no JSON is left out.
 * @throws HoldfastError `invalid-options` for a level that does not exist
 */
export function createJsonLogger(level: string, now: () => number, write: (line: string) => void): Logger {
  const least = levels.indexOf(level as Level);
  if (least === -1) {
    throw new HoldfastError("invalid-options", `HOLDFAST_LOG is "${level}"; it must be one of ${levels.join(", ")}.`);
  }

  function writer(of: Level): (fields: object, message: string) => void {
    if (levels.indexOf(of) < least) return () => {};
    return (fields, message) => {
      const head = { timestamp: isoTime(now()), level: of.toUpperCase(), message };
      // Twice: first in the line, and not to be replaced by a field of that name.
      write(`${lineOf({ ...head, ...fields, ...head }, head)}\n`);
    };
  }

  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}

function lineOf(entry: object, head: object): string {
  try {
    return JSON.stringify(entry, (_name, value: unknown) => {
      if (value instanceof Error) return errorOf(value, causesMax);
      return typeof value === "bigint" ? String(value) : value;
    });
  } catch {
    return JSON.stringify({ ...head, note: "the entry's fields are no JSON" });
  }
}

function errorOf(error: Error, causes: number): object {
  const { name, message, stack, cause } = error;
  const code: unknown = "code" in error ? error.code : undefined;
  const why = cause instanceof Error && causes > 0 ? errorOf(cause, causes - 1) : undefined;
  return { type: name, message, ...(typeof code === "string" && { code }), stack, ...(why && { cause: why }) };
}
