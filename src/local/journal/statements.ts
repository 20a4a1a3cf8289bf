import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Every statement of the journal, prepared once. */
export interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly findStream: StatementSync;
  readonly insertStream: StatementSync;
  /** Behind a predecessor that is known to stand. */
  readonly insertNext: StatementSync;
  readonly insertRecord: StatementSync;
  readonly insertKey: StatementSync;
  readonly recordId: StatementSync;
  readonly record: StatementSync;
  readonly records: StatementSync;
  readonly tail: StatementSync;
  readonly recordsAfter: StatementSync;
  readonly findKey: StatementSync;
  readonly horizon: StatementSync;
  readonly snapshotRevision: StatementSync;
  readonly snapshot: StatementSync;
  readonly saveSnapshot: StatementSync;
  readonly deleteKey: StatementSync;
  readonly deleteKeys: StatementSync;
  readonly entriesOf: StatementSync;
  readonly blank: StatementSync;
  readonly sliceEnd: StatementSync;
  readonly keysEnd: StatementSync;
  readonly deleteKeysBefore: StatementSync;
  readonly streams: StatementSync;
}

const columns = "sequence, id, previous, time, version, entries";

export function prepare(db: DatabaseSync): Statements {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    rollback: db.prepare("ROLLBACK"),
    findStream: db.prepare("SELECT id FROM streams WHERE tenant = ? AND entity = ? AND name = ?"),
    insertStream: db.prepare("INSERT INTO streams (tenant, entity, name) VALUES (?, ?, ?)"),
    insertNext: db.prepare(
      `INSERT INTO records (stream, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    insertRecord: db.prepare(
      // Only behind its predecessor: a file from a backup may have lost the end of a stream that somebody still caches.
      // Node 22 does not bind numbered parameters by place, hence the row of plain ones.
      `INSERT INTO records (stream, ${columns})
       SELECT * FROM (SELECT ? AS stream, ? AS sequence, ? AS id, ? AS previous, ? AS time, ? AS version, ? AS entries) new
       WHERE sequence = 1 OR EXISTS (
         SELECT 1 FROM records WHERE stream = new.stream AND sequence = new.sequence - 1 AND id = new.previous
       )
       ON CONFLICT DO NOTHING`,
    ),
    // A key that was forgotten may be consumed again; a late page does not take it back to the earlier record.
    insertKey: db.prepare(
      `INSERT INTO keys (stream, hash, sequence) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET sequence = max(sequence, excluded.sequence)`,
    ),
    recordId: db.prepare("SELECT id FROM records WHERE stream = ? AND sequence = ?"),
    record: db.prepare(`SELECT ${columns} FROM records WHERE stream = ? AND sequence = ?`),
    records: db.prepare(`SELECT ${columns} FROM records WHERE stream = ? AND sequence > ? ORDER BY sequence LIMIT ?`),
    tail: db.prepare(`SELECT ${columns} FROM records WHERE stream = ? AND sequence > ? ORDER BY sequence`),
    recordsAfter: db.prepare(
      `SELECT position, tenant, entity, name, ${columns.replace("id", "r.id")}
       FROM records r JOIN streams s ON s.id = r.stream WHERE position > ? ORDER BY position LIMIT ?`,
    ),
    findKey: db.prepare("SELECT sequence FROM keys WHERE stream = ? AND hash = ?"),
    horizon: db.prepare(
      "SELECT horizon_foreign AS foreign_, horizon_derived AS derived FROM snapshots WHERE stream = ?",
    ),
    snapshotRevision: db.prepare("SELECT revision FROM snapshots WHERE stream = ?"),
    snapshot: db.prepare(
      "SELECT horizon_foreign AS foreign_, horizon_derived AS derived, sequence, revision, body FROM snapshots WHERE stream = ?",
    ),
    // Newer by (revision, sequence); the horizons grow in any case.
    saveSnapshot: db.prepare(
      `INSERT INTO snapshots (stream, horizon_foreign, horizon_derived, sequence, revision, body)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         horizon_foreign = max(horizon_foreign, excluded.horizon_foreign),
         horizon_derived = max(horizon_derived, excluded.horizon_derived),
         body = iif((excluded.revision, excluded.sequence) > (revision, sequence), excluded.body, body),
         sequence = iif((excluded.revision, excluded.sequence) > (revision, sequence), excluded.sequence, sequence),
         revision = max(revision, excluded.revision)`,
    ),
    deleteKey: db.prepare("DELETE FROM keys WHERE stream = ? AND hash = ? AND sequence = ?"),
    deleteKeys: db.prepare("DELETE FROM keys WHERE stream = ?"),
    entriesOf: db.prepare(
      "SELECT sequence, entries FROM records WHERE stream = ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
    ),
    blank: db.prepare(
      "UPDATE records SET entries = '[]' WHERE stream = ? AND sequence >= ? AND sequence < ? AND entries <> '[]'",
    ),
    sliceEnd: db.prepare(
      "SELECT sequence FROM records WHERE stream = ? AND sequence >= ? AND sequence < ? ORDER BY sequence LIMIT 1 OFFSET ?",
    ),
    keysEnd: db.prepare("SELECT hash FROM keys WHERE stream = ? ORDER BY hash LIMIT 1 OFFSET ?"),
    deleteKeysBefore: db.prepare("DELETE FROM keys WHERE stream = ? AND hash < ?"),
    streams: db.prepare(
      `SELECT name FROM streams s WHERE tenant = ? AND entity = ? AND name > ?
       AND EXISTS (SELECT 1 FROM records WHERE stream = s.id) ORDER BY name LIMIT ?`,
    ),
  };
}
