import type { DatabaseSync } from "node:sqlite";
import type { DeadLetterStore, MessageStore, ReplayStore } from "../../core/delivery/port.ts";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";
import type { Append, AppendResult, Journal, StoredRecord } from "../../core/journal/port.ts";
import { isBusy, isStatementError, translated } from "./errors.ts";
import { createGroup } from "./group.ts";
import { createKeyRows, keysPerSlice } from "./keys.ts";
import { createMessageRows, type MessageRows } from "./messages.ts";
import { open } from "./open.ts";
import { checkSqliteOptions, type SqliteOptions } from "./options.ts";
import { createRecent } from "./recent.ts";
import { recordOf, snapshotOf } from "./rows.ts";
import { createStreams, type Streams } from "./streams.ts";
import { createWatchers } from "./watchers.ts";

export interface SqliteStats {
  /** Write transactions committed. */
  readonly transactions: number;
  /** Records returned by reads. */
  readonly recordsRead: number;
}

/** A journal with what waits to be delivered beside it. */
export interface SqliteJournal extends Journal, MessageStore, DeadLetterStore, ReplayStore {
  stats(): SqliteStats;
  /** The names of those who have ever taken messages or read along, sorted: `queue:imports`, `subscription:fulfilment`. */
  consumers(): Promise<readonly string[]>;
  /** Waits for pending writes, then closes the file. Repeatable; every other call fails afterwards. */
  close(): Promise<void>;
}

/** Records of up to 200 KiB that are blanked per transaction. */
const blankedMax = 128;

/**
 * A journal in one SQLite file (WAL). Writes that are pending at the same time share one transaction and one fsync.
 * Any number of processes may use the file; they only slow each other down.
 * @throws HoldfastError `journal-unavailable`, `journal-corrupt`, `journal-version`, `invalid-options`
 */
export function createSqliteJournal(options: SqliteOptions): SqliteJournal {
  checkSqliteOptions(options);
  const { file, system, appendTimeoutMs = 10_000 } = options;
  const { db, sql } = open(options);
  const streams = createStreams(sql);
  const keys = createKeyRows(sql);
  const messages = preparedMessages(db, streams, file);
  const recent = createRecent();
  const watchers = createWatchers(db, system, recent.clear);
  let messagesCame = false;
  const group = createGroup(sql, options, {
    undone() {
      streams.forget();
      recent.undo();
    },
    committed() {
      const records = recent.commit();
      if (records.length > 0) watchers.notify("records", records);
      if (messagesCame) watchers.notify("messages");
      messagesCame = false;
    },
  });
  let recordsRead = 0;
  let closing: Promise<void> | undefined;

  /** Runs a read at once; another process that recovers the log is the only thing that can be in the way. */
  async function read<T>(query: () => T): Promise<T> {
    for (let attempt = 1, until = 0; ; attempt++) {
      if (closing) throw closedError(file);
      try {
        return query();
      } catch (error) {
        until ||= system.now() + appendTimeoutMs;
        if (!isBusy(error) || system.now() >= until) throw translated(error, file);
      }
      const delayMs = Math.min(50, attempt) * (0.5 + system.random());
      await new Promise<void>((resolve) => void system.after(delayMs, resolve));
    }
  }

  async function write<T>(work: () => T): Promise<T> {
    if (closing) throw closedError(file);
    return group.write(work);
  }

  function appendNow({ stream, record }: Append): AppendResult {
    const known = streams.findOrInsert(stream);
    const { sequence, id, previous, time, version, entries } = record;
    // Where the predecessor is known to stand, nobody has to look: a quarter of the work.
    const follows = known.standing.sequence === sequence - 1 && known.standing.id === previous;
    const insert = follows ? sql.insertNext : sql.insertRecord;
    const { changes, lastInsertRowid } = insert.run(known.number, sequence, id, previous, time, version, entries);
    if (changes === 1) {
      known.standing = { sequence, id };
      recent.add({ position: Number(lastInsertRowid), stream, record });
      return "stored";
    }
    const standing = sql.recordId.get(known.number, sequence)?.["id"];
    if (standing === undefined) {
      throw new HoldfastError(
        "journal-corrupt",
        `Record ${sequence - 1}, behind which an append belongs, is not there.`,
      );
    }
    return standing === id ? "stored" : "taken";
  }

  /** Nothing of it comes back. */
  function isErased(at: number): boolean {
    return sql.snapshotRevision.get(at)?.["revision"] === Number.MAX_SAFE_INTEGER;
  }

  /** Blanks the payloads of a slice of records; returns the first sequence behind it, if there is more. */
  function blank(at: number, from: number, tombstone: number): number | undefined {
    const next = sql.sliceEnd.get(at, from, tombstone, blankedMax)?.["sequence"] as number | undefined;
    sql.blank.run(at, from, next ?? tombstone);
    return next;
  }

  /** What was erased leaves the log, too. It leaves it sooner or later in any case. */
  function emptyLog(): void {
    try {
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      system.log.warn({ error }, `what was erased is still in the log of ${file} until the next checkpoint`);
    }
  }

  function records(rows: readonly Readonly<Record<string, unknown>>[]): readonly StoredRecord[] {
    recordsRead += rows.length;
    return rows.map(recordOf);
  }

  return {
    keys: {
      kind: "index",
      find: (stream, hashes) =>
        read(() => {
          const at = streams.find(stream)?.number;
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
        const at = streams.find(stream)?.number;
        if (at === undefined) return { records: [] };
        if (after !== undefined) return { records: records(sql.tail.all(at, after)) };
        const row = sql.snapshot.get(at);
        if (row === undefined) return { records: records(sql.tail.all(at, 0)) };
        const snapshot = snapshotOf(row);
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
        const at = streams.find(stream)?.number;
        const row = at === undefined ? undefined : sql.record.get(at, sequence);
        return row && records([row])[0];
      }),
    history: (stream, { after, limit }) =>
      read(() => {
        const at = streams.find(stream)?.number;
        return at === undefined ? [] : records(sql.records.all(at, after, limit));
      }),
    async saveSnapshot(stream, snapshot, { page, forgotten = [] } = {}) {
      let rows = page?.keys ?? [];
      for (; rows.length > keysPerSlice; rows = rows.slice(keysPerSlice)) {
        const slice = rows.slice(0, keysPerSlice);
        await write(() => {
          const at = streams.findOrInsert(stream).number;
          if (!isErased(at)) keys.insert(at, slice);
        });
      }
      const last = rows;
      let left = await write(() => {
        const at = streams.findOrInsert(stream).number;
        if (isErased(at)) return [];
        keys.insert(at, last);
        const { sequence, revision, horizon, body } = snapshot;
        sql.saveSnapshot.run(at, horizon.foreign, horizon.derived, sequence, revision, body);
        return keys.forget(at, forgotten);
      });
      // The horizon stands already: until the rest is gone, its keys are found although they need not be.
      while (left.length > 0) {
        const ranges = left;
        left = await write(() => keys.forget(streams.findOrInsert(stream).number, ranges));
      }
    },
    streams: ({ tenant, entity, after = "", limit }) =>
      read(() => sql.streams.all(tenant, entity, after, limit).map((row) => String(row["name"]))),
    async erase(stream, tombstone) {
      const at = await read(() => streams.find(stream)?.number);
      if (at === undefined) return;
      recent.clear();
      for (let next: number | undefined = 1; next !== undefined; ) {
        const from: number = next;
        next = await write(() => blank(at, from, tombstone));
      }
      while (await write(() => keys.deleteSome(at)));
      await write(() => messages.blank(at));
      emptyLog();
    },
    recordsAfter: (position, limit) =>
      read(
        () =>
          recent.after(position, limit) ??
          sql.recordsAfter.all(position, limit).map((row) => {
            const { position, tenant, entity, name } = row;
            recordsRead++;
            return {
              position: Number(position),
              stream: { tenant: String(tenant), entity: String(entity), id: String(name) },
              record: recordOf(row),
            };
          }),
      ),
    watch: watchers.watch,
    async take(consumer, claim) {
      return (await read(() => messages.heldBy(consumer, claim))) ?? write(() => messages.take(consumer, claim));
    },
    settle: (consumer, owner, { position, until, changes }) =>
      write(() => messages.settle(consumer, owner, position, until, changes)),
    due: (consumer, { now, limit }) => read(() => messages.due(consumer, now, limit)),
    send: (consumer, sent) =>
      write(() => {
        for (const message of sent) messages.send(consumer, message);
        messagesCame = true;
      }),
    dead: ({ consumer, after = 0, limit }) => read(() => messages.dead(consumer, after, limit)),
    redrive: (ids, now) =>
      write(() => {
        messagesCame = true;
        return ids.filter((id) => messages.redrive(id, now)).length;
      }),
    drop: (ids) => write(() => ids.filter((id) => messages.drop(id)).length),
    addReplay: (request) =>
      write(() => {
        messages.addReplay(request);
        messagesCame = true;
      }),
    replays: (which) => read(() => messages.replays(which)),
    consumers: () => read(() => messages.consumers()),
    stats: () => ({ transactions: group.transactions(), recordsRead }),
    close() {
      watchers.stop();
      closing ??= group.idle().then(() => db.close());
      return closing;
    },
  };
}

/** @throws HoldfastError `journal-corrupt` where the tables are not ours, as `open` does for its own statements */
function preparedMessages(db: DatabaseSync, streams: Streams, file: string): MessageRows {
  try {
    return createMessageRows(db, streams);
  } catch (error) {
    db.close();
    const failure = translated(error, file);
    throw isStatementError(error) ? new HoldfastError("journal-corrupt", failure.message, { cause: error }) : failure;
  }
}

function closedError(file: string): HoldfastError {
  return new HoldfastError("journal-closed", `The journal ${file} was closed.`);
}
