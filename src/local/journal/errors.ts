import { HoldfastError } from "../../core/errors.ts";

/** Primary result codes. Source: https://sqlite.org/rescode.html */
const codes = {
  error: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  /** "Locking protocol": readers and writers crowd at the log. */
  protocol: 15,
  notADatabase: 26,
} as const;

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode } = error as { readonly errcode?: unknown };
  // The low byte is the primary code, the rest says more.
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}

/** Another connection holds the lock: nothing was done, a later attempt may work. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === codes.busy || code === codes.locked || code === codes.protocol;
}

/** SQLite does not find what a statement names, or does not understand it. */
export function isStatementError(error: unknown): boolean {
  return resultCode(error) === codes.error;
}

/**
 * True if a COMMIT that failed so was certainly not done, nor will be when the log is recovered. After any other error
 * (I/O, memory) its last frame may be in the log already: a crash now would bring it back.
 */
export function isDefinite(error: unknown): boolean {
  const code = resultCode(error);
  return isBusy(error) || code === codes.full || code === codes.readOnly;
}

/** The one translation of what `node:sqlite` throws. */
export function translated(error: unknown, file: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const text = error instanceof Error ? error.message : String(error);
  switch (resultCode(error)) {
    case codes.busy:
    case codes.locked:
    case codes.protocol:
      // Shown to callers, so without the path.
      return new HoldfastError("overloaded", "The journal is locked by another process.", {
        retry: "later",
        retryAfterMs: 1_000,
        cause: error,
      });
    case codes.full:
      return new HoldfastError("journal-full", `There is no room left for ${file}; nothing was stored. Free some.`, {
        retry: "later",
        retryAfterMs: 5_000,
        cause: error,
      });
    case codes.corrupt:
    case codes.notADatabase:
      return new HoldfastError(
        "journal-corrupt",
        `${file} is damaged or no journal (${text}). Restore it from a backup.`,
        {
          cause: error,
        },
      );
    case codes.readOnly:
    case codes.cantOpen:
      return new HoldfastError("journal-unavailable", `${file} cannot be opened for writing (${text}).`, {
        cause: error,
      });
    default:
      return new HoldfastError("journal-failed", `${file} cannot be used (${text}).`, {
        retry: "later",
        retryAfterMs: 1_000,
        cause: error,
      });
  }
}
