import { expect, test } from "vitest";
import { freshFile, largeEntries, openJournal, recordOf, streamOf } from "./fixtures.ts";

const full = { code: "journal-full", retry: "later" };
const large = recordOf(1, { entries: largeEntries });

test("a full database refuses what does not fit, stores the rest of the group, and goes on with more room", async () => {
  const file = freshFile();
  const small = openJournal(file, { fileBytesMax: 128 * 1_024 });
  const results = await Promise.allSettled([
    small.append({ stream: streamOf("a"), record: recordOf(1) }),
    small.append({ stream: streamOf("large"), record: large }),
    small.append({ stream: streamOf("b"), record: recordOf(1) }),
    small.append({ stream: streamOf("a"), record: recordOf(1, { id: "contender" }) }),
    small.append({ stream: streamOf("large"), record: large }),
    small.append({ stream: streamOf("a"), record: recordOf(2) }),
  ]);
  const refused = { status: "rejected", reason: expect.objectContaining(full) };
  const answered = (value: string) => ({ status: "fulfilled", value });
  expect(results).toEqual([
    answered("stored"),
    refused,
    answered("stored"),
    answered("taken"),
    refused,
    answered("stored"),
  ]);
  await expect(small.append({ stream: streamOf("large"), record: large })).rejects.toMatchObject(full);
  const list = { tenant: "default", entity: "cart", limit: 10 };
  expect(await small.streams(list)).toEqual(["a", "b"]);
  expect(await small.load(streamOf("large"))).toEqual({ records: [] });
  expect((await small.load(streamOf("a"))).records).toEqual([recordOf(1), recordOf(2)]);
  await small.close();

  const roomy = openJournal(file);
  expect(await roomy.append({ stream: streamOf("large"), record: large })).toBe("stored");
  expect(await roomy.streams(list)).toEqual(["a", "b", "large"]);
});

test("a database stays readable when it is full to the brim, and a snapshot that does not fit is refused", async () => {
  const journal = openJournal(freshFile(), { fileBytesMax: 128 * 1_024 });
  const entries = JSON.stringify(["x".repeat(3_000)]);
  let stored = 0;
  const fill = async (): Promise<void> => {
    for (;;) {
      await journal.append({ stream: streamOf("a"), record: recordOf(stored + 1, { entries }) });
      stored++;
    }
  };
  await expect(fill()).rejects.toMatchObject(full);
  expect(stored).toBeGreaterThan(5);
  expect((await journal.load(streamOf("a"))).records.length).toBe(stored);
  const snapshot = { sequence: 1, revision: 1, horizon: { foreign: 1, derived: 1 }, body: largeEntries };
  const page = { from: 1, sequence: 1, expires: 1, keys: [["hash", 1] as const] };
  await expect(journal.saveSnapshot(streamOf("a"), snapshot, { page })).rejects.toMatchObject(full);
  if (journal.keys.kind !== "index") throw new Error("no index");
  expect(await journal.keys.find(streamOf("a"), ["hash"])).toEqual({
    sequences: [undefined],
    horizon: { foreign: 0, derived: 0 },
  });
});

test("a rolled-back group leaves no wrong stream number behind", async () => {
  const journal = openJournal(freshFile(), { fileBytesMax: 128 * 1_024 });
  // The slot of the refused record is free; the group's other appends do not depend on it.
  const results = await Promise.allSettled([
    journal.append({ stream: streamOf("undone"), record: large }),
    journal.append({ stream: streamOf("undone"), record: recordOf(2) }),
    journal.append({ stream: streamOf("undone"), record: recordOf(1, { id: "small" }) }),
    journal.append({ stream: streamOf("undone"), record: recordOf(2, { previous: "small" }) }),
  ]);
  expect(results).toEqual([
    { status: "rejected", reason: expect.objectContaining(full) },
    { status: "rejected", reason: expect.objectContaining({ code: "journal-corrupt", retry: "never" }) },
    { status: "fulfilled", value: "stored" },
    { status: "fulfilled", value: "stored" },
  ]);
  // The first two make a new stream and look its number up; the third undoes both.
  const group = [
    journal.append({ stream: streamOf("a"), record: recordOf(1, { id: "a1" }) }),
    journal.append({ stream: streamOf("a"), record: recordOf(2, { id: "a2", previous: "a1" }) }),
    journal.append({ stream: streamOf("large"), record: large }),
  ];
  expect((await Promise.allSettled(group)).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  // Alone in its transaction: its stream is undone with it, and the next new one may get its number.
  const alone = journal.append({ stream: streamOf("alone"), record: large });
  await expect(alone).rejects.toMatchObject(full);
  for (const id of ["b", "alone", "large", "c"]) {
    expect(await journal.append({ stream: streamOf(id), record: recordOf(1, { id }) })).toBe("stored");
  }
  const ids = async (id: string) => (await journal.load(streamOf(id))).records.map((record) => record.id);
  expect(await ids("a")).toEqual(["a1", "a2"]);
  for (const id of ["b", "alone", "large", "c"]) expect(await ids(id)).toEqual([id]);
});

test("a stream that was made and looked up in an undone transaction is made anew", async () => {
  const journal = openJournal(freshFile(), { fileBytesMax: 128 * 1_024 });
  const snapshot = { sequence: 1, revision: 1, horizon: { foreign: 0, derived: 0 }, body: largeEntries };
  const results = await Promise.allSettled([
    journal.saveSnapshot(streamOf("a"), { ...snapshot, body: "{}" }),
    journal.append({ stream: streamOf("a"), record: large }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  await expect(journal.saveSnapshot(streamOf("b"), snapshot)).rejects.toMatchObject(full);
  await journal.append({ stream: streamOf("c"), record: recordOf(1, { id: "c" }) });
  await journal.append({ stream: streamOf("b"), record: recordOf(1, { id: "b" }) });
  expect((await journal.load(streamOf("b"))).records.map(({ id }) => id)).toEqual(["b"]);
  expect((await journal.load(streamOf("c"))).records.map(({ id }) => id)).toEqual(["c"]);
});

test("an append without its predecessor is refused without a trace", async () => {
  const journal = openJournal(freshFile());
  const gap = journal.append({ stream: streamOf("a"), record: recordOf(2) });
  await expect(gap).rejects.toMatchObject({ code: "journal-corrupt", retry: "never" });
  expect(journal.stats()).toEqual({ transactions: 0, recordsRead: 0 });
  expect(await journal.recordsAfter(0, 10)).toEqual([]);
});

test("appends that are pending together share transactions of at most groupMax", async () => {
  const journal = openJournal(freshFile(), { groupMax: 10 });
  const appends = Array.from({ length: 25 }, (_, n) =>
    journal.append({ stream: streamOf(`s${n}`), record: recordOf(1) }),
  );
  expect(new Set(await Promise.all(appends))).toEqual(new Set(["stored"]));
  expect(journal.stats()).toEqual({ transactions: 3, recordsRead: 0 });
});
