import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { createSystem, isHoldfastError, type StoredRecord } from "holdfast";
import { beforeAll, describe, expect, test } from "vitest";
import { createSqliteJournal, type SqliteJournal } from "../../../src/local/journal/sqlite.ts";
import { part, runs } from "../../core/fuzz.ts";
import { freshFile, streamOf } from "./fixtures.ts";

const now = 1_767_225_600_000;
const system = createSystem();
const names = ["a", "b", "c", "d"];
const recordsEach = 12;

const idAt = (name: string, sequence: number): string => (sequence === 0 ? "" : `${name}${sequence}`.padStart(20, "0"));
const hashAt = (name: string, sequence: number): string => `${name}${sequence}`.padStart(22, "k");

function recordAt(name: string, sequence: number): StoredRecord {
  const id = idAt(name, sequence);
  const event = { type: "noted", data: { text: "x".repeat(150), n: sequence } };
  const entry = { id, command: "note", key: hashAt(name, sequence), fp: "f".repeat(22), events: [event], reply: 1 };
  const times = { time: now + sequence, version: sequence };
  return { sequence, id, previous: idAt(name, sequence - 1), ...times, entries: JSON.stringify([entry]) };
}

/** A bit of everything that a file holds. */
async function fill(journal: SqliteJournal): Promise<void> {
  for (const name of names) {
    for (let n = 1; n <= recordsEach; n++) {
      expect(await journal.append({ stream: streamOf(name), record: recordAt(name, n) })).toBe("stored");
    }
    const keys = Array.from({ length: 8 }, (_, i) => [hashAt(name, i + 1), i + 1] as const);
    const body = JSON.stringify({
      record: idAt(name, 8),
      version: 8,
      time: now,
      state: {},
      keys: { foreign: [], derived: [] },
    });
    const snapshot = { sequence: 8, revision: 1, horizon: { foreign: 1, derived: 1 }, body };
    await journal.saveSnapshot(streamOf(name), snapshot, { page: { from: 1, sequence: 8, expires: now, keys } });
  }
  await journal.take("queue:q", { owner: "o", now, until: now + 1, longest: now + 10, start: "now" });
  await journal.send(
    "queue:q",
    [1, 2, 3].map((n) => ({ name: `m${n}`, body: `{"n":${n}}`, attributes: '{"a":"1"}', created: now })),
  );
  const { messages } = await journal.due("queue:q", { now, limit: 1 });
  const failures = { attempts: 1, since: now };
  const reason = { code: "thrown", message: "it broke" };
  await journal.settle("queue:q", "o", {
    position: 1,
    until: now + 1,
    changes: [{ kind: "bury", id: messages[0]?.id ?? 0, failures, reason }],
  });
  await journal.addReplay({
    id: "r1",
    subscription: "s",
    entity: undefined,
    since: undefined,
    again: false,
    created: now,
  });
}

let whole: Buffer;
/** The same while it is open: most of it is in the log still. */
let main: Buffer;
let log: Buffer;

beforeAll(async () => {
  const file = freshFile();
  const journal = createSqliteJournal({ file, system, synchronous: "normal" });
  await fill(journal);
  main = readFileSync(file);
  log = readFileSync(`${file}-wal`);
  await journal.close();
  whole = readFileSync(file);
});

const pageBytes = 4_096;
type Damage = (bytes: Buffer) => Buffer;

const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};
const damage: fc.Arbitrary<Damage> = fc.oneof(
  // Anywhere.
  fc.array(fc.tuple(part, fc.nat(7)), { minLength: 1, maxLength: 12 }).map(
    (flips): Damage =>
      (bytes) =>
        changed(bytes, (copy) => {
          for (const [a, bit] of flips) {
            const i = Math.floor(a * copy.length);
            copy[i] = (copy[i] ?? 0) ^ (1 << bit);
          }
        }),
  ),
  // In the file's own header, or in those of pages and cells, which say what the rest is.
  fc.tuple(part, fc.nat(107), fc.nat(255)).map(
    ([a, offset, byte]): Damage =>
      (bytes) =>
        changed(bytes, (copy) => {
          const page = Math.floor((a * copy.length) / pageBytes);
          copy[(a < 0.3 ? 0 : page * pageBytes) + offset] = byte;
        }),
  ),
  fc.tuple(part, fc.nat(9_000), fc.nat(255)).map(
    ([a, length, byte]): Damage =>
      (bytes) =>
        changed(bytes, (copy) => {
          const from = Math.floor(a * copy.length);
          copy.fill(byte, from, Math.min(from + length, copy.length));
        }),
  ),
  fc.tuple(part, part).map(
    ([a, b]): Damage =>
      (bytes) =>
        changed(bytes, (copy) => {
          const [from, to] = [a, b].map((part) => Math.floor((part * bytes.length) / pageBytes) * pageBytes);
          bytes.copy(copy, to, from, (from ?? 0) + pageBytes);
        }),
  ),
  part.map(
    (a): Damage =>
      (bytes) =>
        bytes.subarray(0, Math.floor(a * bytes.length)),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 5_000 }).map(
    (tail): Damage =>
      (bytes) =>
        Buffer.concat([bytes, tail]),
  ),
);

/** What the store may say of itself. */
const codes = [
  "journal-corrupt",
  "journal-version",
  "journal-unavailable",
  "journal-failed",
  "journal-full",
  "outcome-unknown",
];

/** Everything that a journal can be asked. */
function questions(journal: SqliteJournal, name: string): readonly (() => unknown)[] {
  const stream = streamOf(name);
  const { keys } = journal;
  return [
    () => journal.load(stream),
    () => journal.load(stream, 0),
    () => journal.record(stream, 5),
    () => journal.history(stream, { after: 2, limit: 5 }),
    () => keys.kind === "index" && keys.find(stream, [hashAt(name, 3), hashAt(name, 99)]),
    () => journal.streams({ tenant: "default", entity: "cart", limit: 10 }),
    () => journal.recordsAfter(0, 100),
    () => journal.consumers(),
    () => journal.due("queue:q", { now: now + 10, limit: 10 }),
    () => journal.dead({ limit: 10 }),
    () => journal.replays(),
    () => journal.append({ stream, record: recordAt(name, recordsEach + 1) }),
    () => journal.append({ stream: streamOf("new"), record: recordAt("new", 1) }),
    () =>
      journal.saveSnapshot(
        stream,
        { sequence: 9, revision: 1, horizon: { foreign: 2, derived: 2 }, body: "{}" },
        { forgotten: [{ from: 1, to: 4, derived: false }] },
      ),
    () => journal.take("queue:q", { owner: "p", now: now + 100, until: now + 200, longest: now + 300, start: "now" }),
    () => journal.send("queue:q", [{ name: "m9", body: "1", created: now }]),
    () => journal.redrive([1], now),
    () => journal.erase(stream, recordsEach),
  ];
}

/** A record is what was written, or it is refused by whoever reads its text: its header is never something else. */
function checkRecord(record: StoredRecord): void {
  expect(record).toEqual({
    sequence: expect.any(Number),
    id: expect.any(String),
    previous: expect.any(String),
    time: expect.any(Number),
    version: expect.any(Number),
    entries: expect.any(String),
  });
}

describe("a damaged database", () => {
  test("opens or says why not, and answers every question or says why not; the process lives", async () => {
    const seen = { opened: 0, refused: 0, answered: 0, failed: 0 };
    const file = freshFile();
    await fc.assert(
      fc.asyncProperty(damage, fc.constantFrom(...names), async (damage, name) => {
        for (const rest of ["-wal", "-shm", "-journal"]) rmSync(file + rest, { force: true });
        writeFileSync(file, damage(whole));
        let journal: SqliteJournal;
        try {
          journal = createSqliteJournal({ file, system, synchronous: "normal" });
          seen.opened++;
        } catch (error) {
          seen.refused++;
          if (!isHoldfastError(error)) throw error;
          expect(codes).toContain(error.code);
          return;
        }
        for (const ask of questions(journal, name)) {
          try {
            await ask();
            seen.answered++;
          } catch (error) {
            seen.failed++;
            if (!isHoldfastError(error)) throw error;
            expect(codes).toContain(error.code);
          }
        }
        for (const other of names) {
          const loaded = await journal.load(streamOf(other), 0).catch(() => ({ records: [] }));
          for (const record of loaded.records) checkRecord(record);
        }
        await journal.close();
      }),
      runs(150),
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
  });

  test("whose log is damaged has lost its newest commits at most: every stream is dense and as it was written", async () => {
    let lost = 0;
    const file = freshFile();
    await fc.assert(
      fc.asyncProperty(damage, async (damage) => {
        rmSync(`${file}-shm`, { force: true });
        writeFileSync(file, main);
        writeFileSync(`${file}-wal`, damage(log));
        let journal: SqliteJournal;
        try {
          journal = createSqliteJournal({ file, system, synchronous: "normal" });
        } catch (error) {
          expect(codes).toContain((error as { readonly code?: unknown }).code);
          return;
        }
        for (const name of names) {
          const { records } = await journal.load(streamOf(name), 0);
          expect(records).toEqual(records.map((_, i) => recordAt(name, i + 1)));
          if (records.length < recordsEach) lost++;
          expect(await journal.append({ stream: streamOf(name), record: recordAt(name, records.length + 1) })).toBe(
            "stored",
          );
        }
        await journal.close();
      }),
      runs(60),
    );
    expect(lost).toBeGreaterThan(10);
  });
});

describe("a column that holds what none of its table's can", () => {
  /** As a damaged cell would have it: the same table, of any types. */
  function lax(file: string, table: string, column: string, value: string): void {
    const db = new DatabaseSync(file);
    db.exec(`
      CREATE TABLE loose AS SELECT * FROM ${table};
      DROP TABLE ${table};
      ALTER TABLE loose RENAME TO ${table};
      UPDATE ${table} SET ${column} = ${value};
    `);
    db.close();
  }

  /** Whether all of it are texts and whole numbers from 0. */
  function isWhole(value: unknown): boolean {
    if (typeof value === "string" || value === undefined) return true;
    if (typeof value !== "object") return Number.isSafeInteger(value) && (value as number) >= 0;
    return value !== null && !ArrayBuffer.isView(value) && Object.values(value).every(isWhole);
  }

  const records = ["sequence", "id", "previous", "time", "version", "entries"].map(
    (column) => ["records", column] as const,
  );
  const snapshots = ["sequence", "revision", "horizon_foreign", "body"].map((column) => ["snapshots", column] as const);
  const values = ["NULL", "x'00ff'", "-1", "1.5e300", "9007199254740993"];

  test("is `journal-corrupt`, or another store's code, to whoever reads it, and never handed out", async () => {
    const file = freshFile();
    let refused = 0;
    for (const [table, column] of [...records, ...snapshots]) {
      for (const value of values) {
        for (const rest of ["-wal", "-shm"]) rmSync(file + rest, { force: true });
        writeFileSync(file, whole);
        lax(file, table, column, value);
        // Statements that need the lost indexes fail when they are prepared; these need none.
        let journal: SqliteJournal;
        try {
          journal = createSqliteJournal({ file, system, synchronous: "normal" });
        } catch (error) {
          expect(codes).toContain((error as { readonly code?: unknown }).code);
          continue;
        }
        const stream = streamOf("a");
        const asked = [() => journal.load(stream), () => journal.record(stream, 5), () => journal.recordsAfter(0, 100)];
        for (const ask of asked) {
          try {
            expect(isWhole(await ask())).toBe(true);
          } catch (error) {
            refused++;
            if (!isHoldfastError(error)) throw error;
            expect(codes).toContain(error.code);
          }
        }
        await journal.close();
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});
