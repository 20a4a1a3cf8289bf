import { DatabaseSync } from "node:sqlite";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { decodeEntries } from "../../core/journal/format.ts";
import type {
  Append,
  AppendResult,
  ForgottenKeys,
  Journal,
  Snapshot,
  StoredKey,
  StoredRecord,
  StreamId,
} from "../../core/journal/port.ts";
import { streamKey } from "../../core/runtime/live.ts";
import { createLru } from "../../core/runtime/lru.ts";
import { isStatementError, translated } from "./errors.ts";
import { createGroup } from "./group.ts";
import { checkSqliteOptions, type SqliteOptions } from "./options.ts";
import { checkFile, migrate } from "./schema.ts";
import { prepare, type Statements } from "./statements.ts";

/** A record with its stream and its place in the order of all commits. */
export interface PositionedRecord {
  /** Grows with every commit; gaps are possible. */
  readonly position: number;
  readonly stream: StreamId;
  readonly record: StoredRecord;
}

export interface SqliteStats {
  /** Write transactions committed. */
  readonly transactions: number;
  /** Records returned by reads. */
  readonly recordsRead: number;
}

export interface SqliteJournal extends Journal {
  /** Up to `limit` records after `position`, in commit order over all streams: the relay's cursor. */
  recordsAfter(position: number, limit: number): Promise<readonly PositionedRecord[]>;
  stats(): SqliteStats;
  /** Waits for pending writes, then closes the file. Repeatable; every other call fails afterwards. */
  close(): Promise<void>;
}

/** Stream numbers are small; 20,000 of them are some 4 MB. */
const knownStreamsMax = 20_000;

/**
 * A journal in one SQLite file (WAL). Writes that are pending at the same time share one transaction and one fsync.
 * Any number of processes may use the file; they only slow each other down.
 * @throws HoldfastError `journal-unavailable`, `journal-corrupt`, `journal-version`, `invalid-options`
 */
export function createSqliteJournal(options: SqliteOptions): SqliteJournal {
  checkSqliteOptions(options);
  const { file } = options;
  const { db, sql } = open(options);
  const knownStreams = () => createLru<number>(knownStreamsMax, Number.POSITIVE_INFINITY);
  let ids = knownStreams();
  // A rolled-back transaction may have inserted streams whose numbers are given to others now.
  const group = createGroup(sql, options, () => {
    ids = knownStreams();
  });
  let recordsRead = 0;
  let closing: Promise<void> | undefined;

  /** Runs a read at once; another process's lock (recovery of the log) is the only thing that can be in the way. */
  async function read<T>(query: () => T): Promise<T> {
    if (closing) throw closedError(file);
    try {
      return query();
    } catch (error) {
      throw translated(error, file);
    }
  }

  function find(stream: StreamId): number | undefined {
    const key = streamKey(stream);
    const known = ids.get(key);
    if (known !== undefined) return known;
    const row = sql.findStream.get(stream.tenant, stream.entity, stream.id);
    if (row === undefined) return undefined;
    const found = Number(row["id"]);
    ids.set(key, found, 0);
    return found;
  }

  /** Inside a transaction. */
  function findOrInsert(stream: StreamId): number {
    const found = find(stream);
    if (found !== undefined) return found;
    return Number(sql.insertStream.run(stream.tenant, stream.entity, stream.id).lastInsertRowid);
  }

  function appendNow({ stream, record }: Append): AppendResult {
    const at = findOrInsert(stream);
    const { sequence, id, previous, time, version, entries } = record;
    if (sql.insertRecord.run(at, sequence, id, previous, time, version, entries).changes === 1) return "stored";
    const standing = sql.recordId.get(at, sequence)?.["id"];
    if (standing === undefined) {
      throw new HoldfastError(
        "journal-corrupt",
        `Record ${sequence - 1}, behind which an append belongs, is not there.`,
      );
    }
    return standing === id ? "stored" : "taken";
  }

  function saveNow(
    stream: StreamId,
    snapshot: Snapshot,
    keys: readonly StoredKey[],
    forgotten: readonly ForgottenKeys[],
  ): void {
    const at = findOrInsert(stream);
    // Erased: nothing of it comes back.
    if (sql.snapshotRevision.get(at)?.["revision"] === Number.MAX_SAFE_INTEGER) return;
    for (const [hash, sequence] of keys) sql.insertKey.run(at, hash, sequence);
    const { sequence, revision, horizon, body } = snapshot;
    sql.saveSnapshot.run(at, horizon.foreign, horizon.derived, sequence, revision, body);
    for (const { from, to, derived } of forgotten) {
      for (const row of sql.entriesOf.all(at, from, to)) {
        const record = { sequence: Number(row["sequence"]), entries: String(row["entries"]) };
        for (const { key, derived: isDerived = false } of decodeEntries(record)) {
          if (key !== undefined && isDerived === derived) sql.deleteKey.run(at, key, record.sequence);
        }
      }
    }
  }

  function records(rows: readonly unknown[]): readonly StoredRecord[] {
    recordsRead += rows.length;
    // The columns of these statements are the fields of a record.
    return rows as readonly StoredRecord[];
  }

  return {
    keys: {
      kind: "index",
      find: (stream, hashes) =>
        read(() => {
          const at = find(stream);
          if (at === undefined) return { sequences: hashes.map(() => undefined), horizon: { foreign: 0, derived: 0 } };
          // Horizon last: a key that is forgotten in between is older than it.
          const sequences = hashes.map((hash) => sql.findKey.get(at, hash)?.["sequence"] as number | undefined);
          const row = sql.horizon.get(at);
          return {
            sequences,
            horizon: { foreign: Number(row?.["foreign_"] ?? 0), derived: Number(row?.["derived"] ?? 0) },
          };
        }),
    },
    load: (stream, after) =>
      read(() => {
        const at = find(stream);
        if (at === undefined) return { records: [] };
        if (after !== undefined) return { records: records(sql.tail.all(at, after)) };
        const row = sql.snapshot.get(at);
        if (row === undefined) return { records: records(sql.tail.all(at, 0)) };
        const snapshot: Snapshot = {
          sequence: Number(row["sequence"]),
          revision: Number(row["revision"]),
          horizon: { foreign: Number(row["foreign_"]), derived: Number(row["derived"]) },
          body: String(row["body"]),
        };
        return { snapshot, records: records(sql.tail.all(at, snapshot.sequence)) };
      }),
    async append(append) {
      if (closing) throw closedError(file);
      try {
        return await group.write(() => appendNow(append));
      } catch (error) {
        if (isHoldfastError(error, "outcome-unknown")) return "unknown";
        throw error;
      }
    },
    record: (stream, sequence) =>
      read(() => {
        const at = find(stream);
        const row = at === undefined ? undefined : sql.record.get(at, sequence);
        return row && records([row])[0];
      }),
    history: (stream, { after, limit }) =>
      read(() => {
        const at = find(stream);
        return at === undefined ? [] : records(sql.records.all(at, after, limit));
      }),
    async saveSnapshot(stream, snapshot, keys) {
      if (closing) throw closedError(file);
      await group.write(() => saveNow(stream, snapshot, keys?.page?.keys ?? [], keys?.forgotten ?? []));
    },
    streams: ({ tenant, entity, after = "", limit }) =>
      read(() => sql.streams.all(tenant, entity, after, limit).map((row) => String(row["name"]))),
    async erase(stream, tombstone) {
      if (closing) throw closedError(file);
      await group.write(() => {
        const at = find(stream);
        if (at === undefined) return;
        sql.blank.run(at, tombstone);
        sql.deleteKeys.run(at);
      });
    },
    recordsAfter: (position, limit) =>
      read(() =>
        sql.recordsAfter.all(position, limit).map((row) => {
          const { position, tenant, entity, name, ...record } = row;
          recordsRead++;
          return {
            position: Number(position),
            stream: { tenant: String(tenant), entity: String(entity), id: String(name) },
            // The other columns are the fields of a record.
            record: record as unknown as StoredRecord,
          };
        }),
      ),
    stats: () => ({ transactions: group.transactions(), recordsRead }),
    close() {
      closing ??= group.idle().then(() => db.close());
      return closing;
    },
  };
}

function open(options: SqliteOptions): { readonly db: DatabaseSync; readonly sql: Statements } {
  const { file, synchronous = "full", busyTimeoutMs = 2, fileBytesMax } = options;
  let db: DatabaseSync | undefined;
  try {
    // While the file is made or recovered there is nothing to do but wait for whoever does it.
    db = new DatabaseSync(file, { timeout: 5_000, readBigInts: false });
    checkFile(db, file);
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -16384;`);
    // A log of up to 16 MB between checkpoints; a longer one makes reads slower, a shorter one writes.
    db.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;");
    migrate(db);
    if (fileBytesMax !== undefined) {
      const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
    }
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

function closedError(file: string): HoldfastError {
  return new HoldfastError("journal-closed", `The journal ${file} was closed.`);
}
