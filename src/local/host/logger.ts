import pino from "pino";
import { HoldfastError } from "../../core/errors.ts";
import type { Logger } from "../../core/runtime/system.ts";

const levels: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/**
 * JSON lines on standard output, errors with their causes. One line per request is `debug`, or `info` from status 500 on; those
 * that were refused because there is too much to do are counted, in one line a second.
 * @throws HoldfastError `invalid-options` for a level that does not exist
 */
export function createLogger(level: string): Logger {
  if (!levels.includes(level)) {
    throw new HoldfastError("invalid-options", `HOLDFAST_LOG is "${level}"; it must be one of ${levels.join(", ")}.`);
  }
  return pino({ level, base: null, serializers: { error: pino.stdSerializers.errWithCause } }, standardOutput());
}

/** What may wait for a reader that does not keep up, bytes. */
const waitingBytesMax = 4 * 1024 * 1024;

/**
 * Lines that cannot be written are lost, and nothing else: who serves does not depend on who reads the log. Not pino's own
 * destination: it writes what is left when the process exits, again and again where nobody reads.
 */
function standardOutput(): pino.DestinationStream {
  outliveReader(process.stdout);
  return {
    write(line) {
      if (process.stdout.writableLength < waitingBytesMax) process.stdout.write(line);
    },
  };
}

/** A write into a pipe that nobody reads any more (EPIPE) would end the process. Repeatable. */
export function outliveReader(stream: NodeJS.WriteStream): void {
  stream.off("error", ignore).on("error", ignore);
}

function ignore(): void {}
