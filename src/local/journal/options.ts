import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";

export interface SqliteOptions {
  /** Path of the database; its folder must exist. `:memory:` for tests. */
  readonly file: string;
  readonly system: System;
  /**
   * `full` (default): what was acknowledged survives a power failure. `normal`: it survives the process, but a power
   * failure may lose the newest commits; several times faster.
   */
  readonly synchronous?: "full" | "normal";
  /** How long a read or write waits for other processes' locks before it is refused with `overloaded`. Default 10,000. */
  readonly appendTimeoutMs?: number;
  /** How long SQLite itself waits for a lock, blocking the event loop. Default 2. */
  readonly busyTimeoutMs?: number;
  /** Writes that share one transaction. Default 256: larger groups are no faster, and others wait longer (measured). */
  readonly groupMax?: number;
  /** Writes that wait for their transaction; more are refused with `overloaded`. Default 16,384. */
  readonly pendingMax?: number;
  /** Largest size of the file, in bytes; past it `journal-full`. Default: none. */
  readonly fileBytesMax?: number;
}

const known: ReadonlySet<string> = new Set([
  "file",
  "system",
  "synchronous",
  "appendTimeoutMs",
  "busyTimeoutMs",
  "groupMax",
  "pendingMax",
  "fileBytesMax",
]);

/** @throws HoldfastError `invalid-options` */
export function checkSqliteOptions(options: SqliteOptions): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key)) {
      throw new HoldfastError(
        "invalid-options",
        `Unknown option "${key}" of the journal. Known: ${[...known].join(", ")}.`,
      );
    }
  }
  for (const name of ["appendTimeoutMs", "busyTimeoutMs", "groupMax", "pendingMax", "fileBytesMax"] as const) {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new HoldfastError("invalid-options", `${name} is ${String(value)}; it must be a whole number from 1.`);
  }
  const { synchronous = "full" } = options;
  if (synchronous !== "full" && synchronous !== "normal") {
    throw new HoldfastError(
      "invalid-options",
      `synchronous is "full" or "normal", not ${JSON.stringify(synchronous)}.`,
    );
  }
}
