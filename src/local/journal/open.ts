import { closeSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "../../core/errors.ts";
import { isBusy, isStatementError, translated } from "./errors.ts";
import type { SqliteOptions } from "./options.ts";
import { checkFile, migrate } from "./schema.ts";
import { prepare, type Statements } from "./statements.ts";

/** How long opening waits for a process that makes, migrates or recovers the file, milliseconds; it blocks. */
const openTimeoutMs = 5_000;

/**
 * Opens or makes the file, brings it to this code's version, and prepares the statements.
 * @throws HoldfastError `journal-unavailable`, `journal-corrupt`, `journal-version`, `journal-full`, `overloaded`
 */
export function open(options: SqliteOptions): { readonly db: DatabaseSync; readonly sql: Statements } {
  const { file, busyTimeoutMs = 2 } = options;
  let db: DatabaseSync | undefined;
  try {
    // SQLite takes what begins with "file:" for a URI; a path from the root on is nothing but a path.
    const path = file === ":memory:" ? file : resolve(file);
    makePrivate(path);
    db = new DatabaseSync(path);
    db.exec(`PRAGMA busy_timeout = ${openTimeoutMs}`);
    patiently(db, checkFile, file);
    patiently(db, useLog, file);
    configure(db, options);
    patiently(db, migrate);
    limitSize(db, options);
    // Fails if the tables are not ours.
    const sql = prepare(db);
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return { db, sql };
  } catch (error) {
    db?.close();
    const failure = translated(error, file);
    if (!isStatementError(error)) throw failure;
    // The statements are sound, so the file is not what it should be.
    throw new HoldfastError("journal-corrupt", failure.message, { cause: error });
  }
}

/**
 * Makes the file, if there is none, for its owner alone (0600): SQLite would make it as the umask says, and gives its log
 * the mode that the file has. One that is there keeps its mode. Never opened where it is there: closing it would let go
 * of the locks that SQLite holds on it in this process. Source: https://www.sqlite.org/howtocorrupt.html, section 2.2
 */
function makePrivate(file: string): void {
  if (file === ":memory:") return;
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch {
    // It is there, or cannot be made; then SQLite says why.
  }
}

/** Some locks SQLite does not wait for: then it waits for the write lock, as whoever holds them does, and tries again. */
function patiently<Rest extends readonly unknown[]>(
  db: DatabaseSync,
  step: (db: DatabaseSync, ...rest: Rest) => void,
  ...rest: Rest
): void {
  for (let attempt = 1; attempt < 20; attempt++) {
    try {
      return step(db, ...rest);
    } catch (error) {
      if (!isBusy(error)) throw error;
      db.exec("BEGIN IMMEDIATE; ROLLBACK");
    }
  }
  step(db, ...rest);
}

function useLog(db: DatabaseSync, file: string): void {
  const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
  if (mode === "wal" || mode === "memory") return;
  throw new HoldfastError(
    "journal-unavailable",
    `${file} cannot have a write-ahead log (its journal mode is ${String(mode)}). Put it on a local disk.`,
  );
}

function configure(db: DatabaseSync, { synchronous = "full" }: SqliteOptions): void {
  // What is deleted is overwritten: neither erased payloads nor the states of former snapshots stay in free pages.
  // That costs nothing that could be measured.
  db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384;`);
  // A log of up to 16 MB between checkpoints; a longer one makes reads slower, a shorter one writes.
  db.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;");
}

/** A file that is larger already stays as it is, and takes nothing more. */
function limitSize(db: DatabaseSync, { fileBytesMax }: SqliteOptions): void {
  if (fileBytesMax === undefined) return;
  const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
}
