import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { SqliteJournal } from "../../../src/local/journal/sqlite.ts";
import { freshFile, openJournal, recordOf, streamOf } from "./fixtures.ts";

const stream = streamOf("a");
const hashOf = (sequence: number): string => `k${sequence}`.padStart(22, "0");
const snapshotAt = (sequence: number, horizon = { foreign: 0, derived: 0 }) => ({
  sequence,
  revision: 1,
  horizon,
  body: "{}",
});

/** Records `1..count` of one key each, with their keys in the index. */
async function filled(count: number): Promise<SqliteJournal> {
  const journal = openJournal(freshFile());
  const appends = Array.from({ length: count }, (_, i) => {
    const record = recordOf(i + 1);
    const entry = { id: record.id, command: "add", key: hashOf(record.sequence) };
    return journal.append({ stream, record: { ...record, entries: JSON.stringify([entry]) } });
  });
  await Promise.all(appends);
  await journal.saveSnapshot(stream, snapshotAt(count), { page: pageOf(count) });
  return journal;
}

function pageOf(count: number) {
  const keys = Array.from({ length: count }, (_, i) => [hashOf(i + 1), i + 1] as const);
  return { from: 1, sequence: count, expires: 1, keys };
}

async function found(journal: SqliteJournal, count: number) {
  if (journal.keys.kind !== "index") throw new Error("no index");
  const { sequences, horizon } = await journal.keys.find(
    stream,
    Array.from({ length: count }, (_, i) => hashOf(i + 1)),
  );
  return { found: sequences.filter((sequence) => sequence !== undefined).length, horizon };
}

async function transactionsOf(journal: SqliteJournal, work: () => Promise<unknown>): Promise<number> {
  const before = journal.stats().transactions;
  await work();
  return journal.stats().transactions - before;
}

test("a page of 2,500 keys takes three transactions, and its snapshot comes with the last", async () => {
  const journal = openJournal(freshFile());
  await journal.append({ stream, record: recordOf(1) });
  let seen = 0;
  const saving = journal.saveSnapshot(stream, snapshotAt(1), { page: pageOf(2_500) });
  const transactions = await transactionsOf(journal, async () => {
    for (let done = false; !done; ) {
      done = await Promise.race([
        saving.then(() => true),
        new Promise<false>((resolve) => setImmediate(resolve, false)),
      ]);
      const { snapshot } = await journal.load(stream);
      if (snapshot === undefined) continue;
      seen++;
      expect((await found(journal, 2_500)).found).toBe(2_500);
    }
  });
  expect(seen).toBeGreaterThan(0);
  expect(transactions).toBe(3);
});

test("forgetting many keys raises the horizon first and lets others in between", async () => {
  const journal = await filled(2_000);
  const horizon = { foreign: 9, derived: 0 };
  const order: string[] = [];
  const forgotten = [
    { from: 1, to: 700, derived: false },
    { from: 1, to: 2_000, derived: true },
    { from: 701, to: 1_990, derived: false },
  ];
  const transactions = await transactionsOf(journal, async () => {
    const saving = journal.saveSnapshot(stream, snapshotAt(2_000, horizon), { forgotten });
    const saved = saving.then(() => order.push("saved"));
    await journal.append({ stream: streamOf("b"), record: recordOf(1) }).then(() => order.push("appended"));
    const between = await found(journal, 2_000);
    expect(between.found).toBeGreaterThan(10);
    expect(between.horizon).toEqual(horizon);
    await saved;
  });
  expect(order).toEqual(["appended", "saved"]);
  // Two units a key, one for every record that is read in vain.
  expect(transactions).toBeGreaterThanOrEqual(5);
  expect(await found(journal, 2_000)).toEqual({ found: 10, horizon });
});

test("erasing many records and keys lets others in between, and leaves nothing", async () => {
  const journal = await filled(2_000);
  const order: string[] = [];
  const transactions = await transactionsOf(journal, async () => {
    const erased = journal.erase(stream, 2_000).then(() => order.push("erased"));
    await new Promise(setImmediate);
    await journal.append({ stream: streamOf("b"), record: recordOf(1) }).then(() => order.push("appended"));
    await erased;
  });
  expect(order).toEqual(["appended", "erased"]);
  expect(transactions).toBeGreaterThanOrEqual(2_000 / 128);
  expect((await found(journal, 2_000)).found).toBe(0);
  const { records } = await journal.load(stream, 0);
  expect(records.slice(0, -1).every(({ entries }) => entries === "[]")).toBe(true);
  expect(records.at(-1)?.entries).toContain(hashOf(2_000));
});

test("what was erased, and what former snapshots held, is not in the file any more", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const secret = "a-secret-of-somebody";
  for (const [i, padding] of [10, 3_000, 50_000, 400].entries()) {
    const entries = JSON.stringify([{ secret, padding: "x".repeat(padding) }]);
    await journal.append({ stream, record: recordOf(i + 1, { entries }) });
    await journal.append({ stream: streamOf(`other-${i}`), record: recordOf(1) });
    await journal.saveSnapshot(stream, { ...snapshotAt(i + 1), body: JSON.stringify({ secret, entries }) });
  }
  expect(occurrences(file, secret)).toBeGreaterThan(4);
  await journal.append({ stream, record: recordOf(5) });
  await journal.saveSnapshot(stream, { ...snapshotAt(5), revision: Number.MAX_SAFE_INTEGER });
  await journal.erase(stream, 5);
  expect(occurrences(file, secret)).toBe(0);
});

/** In the database and in its log, bytes of freed pages included. */
function occurrences(file: string, text: string): number {
  return [file, `${file}-wal`]
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "latin1").split(text).length - 1)
    .reduce((sum, count) => sum + count, 0);
}
