import pino from "pino";
import { HoldfastError } from "../../core/errors.ts";
import type { Logger } from "../../core/runtime/system.ts";

const levels: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/**
 * JSON lines on standard output, errors with their causes. One line per request is `debug`, or `info` from status 500 on.
 * @throws HoldfastError `invalid-options` for a level that does not exist
 */
export function createLogger(level: string): Logger {
  if (!levels.includes(level)) {
    throw new HoldfastError("invalid-options", `HOLDFAST_LOG is "${level}"; it must be one of ${levels.join(", ")}.`);
  }
  return pino({ level, base: null, serializers: { error: pino.stdSerializers.errWithCause } });
}
