import {
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createSystem } from "holdfast";
import { expect, test } from "vitest";
import type { SqliteOptions } from "../../../src/local/journal/options.ts";
import { createSqliteJournal } from "../../../src/local/journal/sqlite.ts";
import { freshFile, openJournal, recordOf, streamOf } from "./fixtures.ts";

const open = (file: string, options: Partial<SqliteOptions> = {}) =>
  createSqliteJournal({ file, system: createSystem(), ...options });

function execute(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

/** A closed journal of 100 streams with one record of 1 KiB each: all of it is in the main file. */
async function filledFile(): Promise<string> {
  const file = freshFile();
  const journal = open(file, { synchronous: "normal" });
  const record = recordOf(1, { entries: JSON.stringify(["x".repeat(1_000)]) });
  await Promise.all(Array.from({ length: 100 }, (_, n) => journal.append({ stream: streamOf(`s${n}`), record })));
  await journal.close();
  return file;
}

/** Never edited: what version 1 has written stays readable for ever. */
const version1 = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, entity TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (tenant, entity, name)
  ) STRICT;
  CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL,
    previous TEXT NOT NULL, time INTEGER NOT NULL, version INTEGER NOT NULL, entries TEXT NOT NULL,
    UNIQUE (stream, sequence)
  ) STRICT;
  CREATE TABLE keys (
    stream INTEGER NOT NULL, hash TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (stream, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshots (
    stream INTEGER PRIMARY KEY, horizon_foreign INTEGER NOT NULL, horizon_derived INTEGER NOT NULL,
    sequence INTEGER NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  INSERT INTO streams VALUES (7, 'default', 'cart', 'c 1'), (9, 't2', 'order', '🧺');
  INSERT INTO records VALUES
    (3, 7, 1, '0000000000000000000a', '', 1767225600000, 1, '[{"id":"0000000000000000000a","command":"add"}]'),
    (4, 9, 1, '0000000000000000000c', '', 1767225600001, 0, '[]'),
    (8, 7, 2, '0000000000000000000b', '0000000000000000000a', 1767225600002, 3, '["é"]');
  INSERT INTO keys VALUES (7, 'AAAAAAAAAAAAAAAAAAAAAA', 1);
  INSERT INTO snapshots VALUES (7, 5, 6, 1, 2, '{"state":1}');
  PRAGMA application_id = 1213156420;
  PRAGMA user_version = 1;
`;

test("a file of schema version 1 opens, reads and takes appends", async () => {
  const file = freshFile();
  execute(file, version1);
  const journal = openJournal(file);
  const stream = { tenant: "default", entity: "cart", id: "c 1" };
  const second = {
    sequence: 2,
    id: "0000000000000000000b",
    previous: "0000000000000000000a",
    time: 1_767_225_600_002,
    version: 3,
    entries: '["é"]',
  };
  const horizon = { foreign: 5, derived: 6 };
  expect(await journal.load(stream)).toEqual({
    snapshot: { sequence: 1, revision: 2, horizon, body: '{"state":1}' },
    records: [second],
  });
  expect((await journal.record(stream, 1))?.entries).toBe('[{"id":"0000000000000000000a","command":"add"}]');
  expect(await journal.streams({ tenant: "t2", entity: "order", limit: 10 })).toEqual(["🧺"]);
  if (journal.keys.kind !== "index") throw new Error("no index");
  expect(await journal.keys.find(stream, ["AAAAAAAAAAAAAAAAAAAAAA", "B"])).toEqual({
    sequences: [1, undefined],
    horizon,
  });
  expect((await journal.recordsAfter(3, 10)).map(({ position }) => position)).toEqual([4, 8]);
  expect(await journal.append({ stream, record: recordOf(3, { previous: second.id }) })).toBe("stored");
  expect((await journal.recordsAfter(8, 10)).map(({ position }) => position)).toEqual([9]);
});

test("a file that newer code has written is refused and left as it is", () => {
  const file = freshFile();
  execute(file, "CREATE TABLE future (x); PRAGMA application_id = 1213156420; PRAGMA user_version = 999");
  expect(() => open(file)).toThrow(
    expect.objectContaining({ code: "journal-version", message: expect.stringContaining("version 999") }),
  );
  execute(file, "INSERT INTO future VALUES (1)");
});

test("a file that is no database is journal-corrupt and left as it is", () => {
  const file = freshFile();
  const text = "This is no database. ".repeat(100);
  writeFileSync(file, text);
  const expected = { code: "journal-corrupt", message: expect.stringContaining(file) };
  expect(() => open(file)).toThrow(expect.objectContaining(expected));
  expect(readFileSync(file, "utf8")).toBe(text);
});

test("another program's database is journal-corrupt", () => {
  for (const sql of ["PRAGMA user_version = 1", "CREATE TABLE streams (x)"]) {
    const file = freshFile();
    execute(file, `CREATE TABLE theirs (x); ${sql}`);
    const expected = { code: "journal-corrupt", retry: "never", message: expect.stringContaining(file) };
    expect(() => open(file)).toThrow(expect.objectContaining(expected));
  }
});

test("a truncated database is journal-corrupt when it is opened", async () => {
  for (const part of [0.02, 0.25, 0.5, 0.9]) {
    const file = await filledFile();
    truncateSync(file, Math.floor(statSync(file).size * part));
    const expected = { code: "journal-corrupt", message: expect.stringContaining(file) };
    expect(() => open(file), `${part} of it left`).toThrow(expect.objectContaining(expected));
  }
});

test("a corrupted page is journal-corrupt when it is read, and other pages are read as before", async () => {
  const file = await filledFile();
  const pageBytes = 4_096;
  const handle = openSync(file, "r+");
  // A page in the middle: leaves of `records`. The header of a page says what it is; 0xff is nothing. Damage within a
  // text does not show here: SQLite has no checksums; `decodeEntries` and the chain of ids find that.
  const page = Math.floor(statSync(file).size / pageBytes / 2);
  writeSync(handle, Buffer.alloc(pageBytes, 0xff), 0, pageBytes, page * pageBytes);
  const journal = openJournal(file);
  const results = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => journal.load(streamOf(`s${n}`))));
  const failed = results.filter((result) => result.status === "rejected").map(({ reason }) => reason as unknown);
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBeLessThan(20);
  for (const error of failed) {
    expect(error).toMatchObject({ code: "journal-corrupt", retry: "never", message: expect.stringContaining(file) });
  }
});

test("a path where no file can be made is journal-unavailable and named", () => {
  const folder = dirname(freshFile());
  const regular = join(folder, "regular");
  writeFileSync(regular, "");
  mkdirSync(join(folder, "directory"));
  const paths = [join(folder, "none", "holdfast.db"), join(regular, "holdfast.db"), join(folder, "directory")];
  // Permissions do not stop root, as which these tests may run; a kernel's file system does.
  if (existsSync("/proc/self")) paths.push("/proc/holdfast.db");
  if (existsSync("/sys/kernel")) paths.push("/sys/kernel/holdfast.db");
  for (const path of paths) {
    const expected = { code: "journal-unavailable", message: expect.stringContaining(path) };
    expect(() => open(path), path).toThrow(expect.objectContaining(expected));
  }
});

test("a statement that fails on an open file is journal-failed, and on opening it again journal-corrupt", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const stream = streamOf("a");
  expect(await journal.append({ stream, record: recordOf(1) })).toBe("stored");
  execute(file, "ALTER TABLE records RENAME TO theirs");
  const failed = { code: "journal-failed", retry: "later", message: expect.stringContaining("no such table") };
  await expect(journal.load(stream)).rejects.toMatchObject(failed);
  await expect(journal.append({ stream, record: recordOf(2) })).rejects.toMatchObject(failed);
  const corrupt = { code: "journal-corrupt", retry: "never", message: expect.stringContaining(file) };
  expect(() => open(file)).toThrow(expect.objectContaining(corrupt));
  execute(file, "ALTER TABLE theirs RENAME TO records");
  expect(await journal.append({ stream, record: recordOf(2) })).toBe("stored");
});

test("a path that SQLite does not take says nothing about the file", () => {
  expect(() => open(`${freshFile()}\0`)).toThrow(expect.objectContaining({ code: "journal-failed" }));
});

const numeric = ["appendTimeoutMs", "busyTimeoutMs", "groupMax", "fileBytesMax"] as const;

test("unknown options and unknown values are refused", () => {
  const file = freshFile();
  const wrong: object[] = [{ sync: "full" }, { synchronous: "off" }, { synchronous: null }];
  for (const name of numeric) {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "5", null, true]) {
      wrong.push({ [name]: value });
    }
  }
  for (const options of wrong) {
    const [name] = Object.keys(options);
    // What only a caller in JavaScript can write.
    expect(() => open(file, options as Partial<SqliteOptions>), JSON.stringify(options)).toThrow(
      expect.objectContaining({
        code: "invalid-options",
        retry: "never",
        message: expect.stringContaining(name ?? ""),
      }),
    );
  }
  expect(existsSync(file)).toBe(false);
});

test("numeric options may be as small as 1", async () => {
  for (const name of numeric) {
    const journal = openJournal(freshFile(), { [name]: 1 });
    expect(await journal.load(streamOf("a")), name).toEqual({ records: [] });
  }
});
