import { StatementSync } from "node:sqlite";
import { afterEach, expect, test, vi } from "vitest";
import { freshFile, openJournal, recordOf, streamOf } from "./fixtures.ts";

const stream = streamOf("a");

afterEach(() => void vi.restoreAllMocks());

const sqliteError = (errcode: number) => Object.assign(new Error("injected"), { code: "ERR_SQLITE_ERROR", errcode });

/** The next COMMIT fails with that code; `done`: after it was done. */
function failCommit(errcode: number, { done }: { readonly done: boolean }): void {
  const { run } = StatementSync.prototype;
  let armed = true;
  vi.spyOn(StatementSync.prototype, "run").mockImplementation(function (this: StatementSync, ...values) {
    if (!armed || this.sourceSQL !== "COMMIT") return Reflect.apply(run, this, values);
    armed = false;
    if (done) Reflect.apply(run, this, values);
    throw sqliteError(errcode);
  });
}

test.each([
  ["an I/O error", 10],
  ["a sync that failed", 1_034],
  ["no memory", 7],
])(
  "a commit that failed with %s after it was done is unknown, and the same append settles it",
  async (_why, errcode) => {
    const journal = openJournal(freshFile());
    failCommit(errcode, { done: true });
    const together = [stream, streamOf("b")].map((one) => journal.append({ stream: one, record: recordOf(1) }));
    expect(await Promise.all(together)).toEqual(["unknown", "unknown"]);
    expect(await journal.append({ stream, record: recordOf(1) })).toBe("stored");
    expect(await journal.append({ stream, record: recordOf(1, { id: "contender" }) })).toBe("taken");
    expect((await journal.load(stream)).records).toEqual([recordOf(1)]);
  },
);

test.each([
  ["busy", 5, "overloaded"],
  ["full", 13, "journal-full"],
])("a commit that failed because the database is %s was certainly not done", async (_why, errcode, code) => {
  const journal = openJournal(freshFile());
  failCommit(errcode, { done: false });
  await expect(journal.append({ stream, record: recordOf(1) })).rejects.toMatchObject({ code, retry: "later" });
  expect(await journal.load(stream)).toEqual({ records: [] });
  expect(await journal.append({ stream, record: recordOf(1) })).toBe("stored");
});

test("a record whose commit was undone is nobody's predecessor", async () => {
  const journal = openJournal(freshFile());
  await journal.append({ stream, record: recordOf(1) });
  failCommit(13, { done: false });
  await expect(journal.append({ stream, record: recordOf(2) })).rejects.toMatchObject({ code: "journal-full" });
  const orphan = journal.append({ stream, record: recordOf(3) });
  await expect(orphan).rejects.toMatchObject({ code: "journal-corrupt", retry: "never" });
  for (const sequence of [2, 3]) expect(await journal.append({ stream, record: recordOf(sequence) })).toBe("stored");
});

test("a predecessor that another process has stored counts", async () => {
  const file = freshFile();
  const [one, two] = [openJournal(file), openJournal(file)];
  for (let sequence = 1; sequence <= 6; sequence++) {
    const journal = sequence % 3 === 0 ? two : one;
    expect(await journal.append({ stream, record: recordOf(sequence) })).toBe("stored");
  }
  expect((await one.load(stream)).records.length).toBe(6);
});

test("a read that meets a lock is tried again", async () => {
  const journal = openJournal(freshFile());
  await journal.append({ stream, record: recordOf(1) });
  const all = vi.spyOn(StatementSync.prototype, "all");
  for (const errcode of [5, 261, 15]) {
    all.mockImplementationOnce(() => {
      throw sqliteError(errcode);
    });
  }
  expect((await journal.load(stream, 0)).records).toEqual([recordOf(1)]);
  expect(all).toHaveBeenCalledTimes(4);
});

test("a read that meets a lock for too long is overloaded; any other failure is told at once", async () => {
  const journal = openJournal(freshFile(), { appendTimeoutMs: 20 });
  await journal.append({ stream, record: recordOf(1) });
  const all = vi.spyOn(StatementSync.prototype, "all").mockImplementation(() => {
    throw sqliteError(5);
  });
  await expect(journal.load(stream, 0)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
  expect(all.mock.calls.length).toBeGreaterThan(1);
  all.mockReset();
  all.mockImplementation(() => {
    throw sqliteError(11);
  });
  await expect(journal.load(stream, 0)).rejects.toMatchObject({ code: "journal-corrupt", retry: "never" });
  expect(all).toHaveBeenCalledTimes(1);
});

test("more writes than pendingMax are overloaded at once, and those that wait are stored", async () => {
  const journal = openJournal(freshFile(), { pendingMax: 3 });
  const append = (n: number) => journal.append({ stream: streamOf(`s${n}`), record: recordOf(1) });
  const results = await Promise.allSettled([1, 2, 3, 4, 5].map(append));
  const refused = { status: "rejected", reason: expect.objectContaining({ code: "overloaded", retry: "later" }) };
  const stored = { status: "fulfilled", value: "stored" };
  expect(results).toEqual([stored, stored, stored, refused, refused]);
  expect(await append(4)).toBe("stored");
  const ids = await journal.streams({ tenant: "default", entity: "cart", limit: 10 });
  expect(ids).toEqual(["s1", "s2", "s3", "s4"]);
});
