import type { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "../../core/errors.ts";

/**
 * The versions of the file, oldest first: each step turns version n into n + 1, in a transaction of its own. Steps are
 * never edited, only added. The version stands in `user_version`.
 *
 * - `records`: `position` is the order of commits over all streams (the relay's cursor); the unique index is the
 *   conditional key.
 * - `keys`: the key index. `derived` is not stored: the hash tells the kinds apart.
 * - `snapshots`: one row per stream; the horizons only ever grow.
 * - `consumers`: how far each one has come in the order of commits, and who owns it until when.
 * - `replays`: what a subscription is to handle once more, as the consumer `replay:<id>`, and how far that got.
 * - `messages`: what waits for its time or its next attempt (`due`), and dead letters (no `due`). `parked`: from there on
 *   the row's stream is not the cursor's. `armed`: the only one of its name and stream. Stream 0: none.
 */
const steps: readonly string[] = [
  `CREATE TABLE streams (
     id INTEGER PRIMARY KEY,
     tenant TEXT NOT NULL,
     entity TEXT NOT NULL,
     name TEXT NOT NULL,
     UNIQUE (tenant, entity, name)
   ) STRICT;
   CREATE TABLE records (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     stream INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     id TEXT NOT NULL,
     previous TEXT NOT NULL,
     time INTEGER NOT NULL,
     version INTEGER NOT NULL,
     entries TEXT NOT NULL,
     UNIQUE (stream, sequence)
   ) STRICT;
   CREATE TABLE keys (
     stream INTEGER NOT NULL,
     hash TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     PRIMARY KEY (stream, hash)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE snapshots (
     stream INTEGER PRIMARY KEY,
     horizon_foreign INTEGER NOT NULL,
     horizon_derived INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;`,
  `CREATE TABLE consumers (
     name TEXT PRIMARY KEY,
     position INTEGER NOT NULL,
     owner TEXT NOT NULL,
     until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE replays (
     id TEXT PRIMARY KEY,
     subscription TEXT NOT NULL,
     entity TEXT,
     since INTEGER,
     again INTEGER NOT NULL,
     created INTEGER NOT NULL,
     through INTEGER NOT NULL,
     handled INTEGER NOT NULL DEFAULT 0,
     skipped INTEGER NOT NULL DEFAULT 0,
     finished INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE messages (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     consumer TEXT NOT NULL,
     stream INTEGER NOT NULL DEFAULT 0,
     sequence INTEGER,
     n INTEGER,
     name TEXT,
     armed INTEGER NOT NULL DEFAULT 0,
     parked INTEGER NOT NULL DEFAULT 0,
     body TEXT,
     attributes TEXT,
     again TEXT,
     created INTEGER NOT NULL,
     attempts INTEGER,
     since INTEGER,
     due INTEGER,
     reason TEXT
   ) STRICT;
   CREATE INDEX messages_due ON messages (consumer, parked, due) WHERE due IS NOT NULL;
   CREATE INDEX messages_dead ON messages (consumer, id) WHERE due IS NULL;
   CREATE UNIQUE INDEX messages_armed ON messages (consumer, stream, name) WHERE armed = 1;
   CREATE UNIQUE INDEX messages_parked ON messages (consumer, stream) WHERE parked = 1;
   CREATE INDEX messages_stream ON messages (stream) WHERE stream > 0;`,
];

/** Marks a file as a journal ("HOLD"), so that another program's database is never taken for one. */
const applicationId = 0x484f4c44;

/** The version that this code reads and writes. */
export const schemaVersion: number = steps.length;

/** Brings the file to this code's version. Two processes may do so at once: the second finds it done. */
export function migrate(db: DatabaseSync): void {
  for (let version = versionOf(db); version < schemaVersion; version = versionOf(db)) {
    db.exec("BEGIN IMMEDIATE");
    try {
      if (versionOf(db) === version) {
        db.exec(steps[version] ?? "");
        db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version + 1}`);
      }
      db.exec("COMMIT");
    } catch (error) {
      rollback(db);
      throw error;
    }
  }
}

/**
 * Looks at a file before anything of it is changed.
 * @throws HoldfastError `journal-corrupt` for another program's database, `journal-version` for a newer Holdfast's
 */
export function checkFile(db: DatabaseSync, file: string): void {
  const { application, version, isEmpty } = look(db);
  if (application !== applicationId && !(application === 0 && isEmpty)) {
    throw new HoldfastError("journal-corrupt", `${file} is another program's database. Choose another folder.`);
  }
  if (version > schemaVersion) {
    throw new HoldfastError(
      "journal-version",
      `${file} is of version ${version}, written by a newer Holdfast; this one knows up to ${schemaVersion}. Upgrade it.`,
    );
  }
}

/** One picture: another process may be making the file at this moment. */
function look(db: DatabaseSync): { readonly application: number; readonly version: number; readonly isEmpty: boolean } {
  db.exec("BEGIN");
  try {
    return {
      application: Number(db.prepare("PRAGMA application_id").get()?.["application_id"]),
      version: versionOf(db),
      isEmpty: db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined,
    };
  } finally {
    rollback(db);
  }
}

/** Ends the transaction, if SQLite has not done so by itself: after some errors it has, and nothing tells on Node 22. */
function rollback(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // There was none left.
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
}
