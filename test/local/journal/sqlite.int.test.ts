import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { freshFile, openJournal, recordOf, streamOf } from "./fixtures.ts";

test("close waits for pending appends, may be repeated, and everything after it is journal-closed", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const stream = streamOf("a");
  const pending = [1, 2, 3].map((sequence) => journal.append({ stream, record: recordOf(sequence) }));
  const closing = [journal.close(), journal.close()];
  expect(await Promise.all(pending)).toEqual(["stored", "stored", "stored"]);
  await Promise.all(closing);
  await journal.close();
  if (journal.keys.kind !== "index") throw new Error("no index");
  const snapshot = { sequence: 1, revision: 1, horizon: { foreign: 0, derived: 0 }, body: "{}" };
  const { find } = journal.keys;
  const calls = [
    () => journal.append({ stream, record: recordOf(4) }),
    () => journal.load(stream),
    () => journal.record(stream, 1),
    () => journal.history(stream, { after: 0, limit: 1 }),
    () => journal.saveSnapshot(stream, snapshot),
    () => journal.streams({ ...stream, limit: 1 }),
    () => journal.erase(stream, 1),
    () => find(stream, []),
    () => journal.recordsAfter(0, 1),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "journal-closed" });
  expect((await openJournal(file).load(stream)).records.length).toBe(3);
});

test("recordsAfter gives the records of all streams in the order of their commits, by pages", async () => {
  const file = freshFile();
  const [one, two] = [openJournal(file), openJournal(file)];
  const committed: string[] = [];
  for (let n = 1; n <= 20; n++) {
    const stream = { tenant: `t${n % 2}`, entity: "cart", id: `s${n % 3}` };
    const sequence = Math.ceil(n / 6);
    const journal = n % 2 === 0 ? one : two;
    const id = `r${n}`;
    // Six streams take turns.
    const previous = n > 6 ? `r${n - 6}` : "";
    const record = recordOf(sequence, { id, previous, entries: `[${n}]` });
    expect(await journal.append({ stream, record })).toBe("stored");
    expect(await one.append({ stream, record: recordOf(sequence, { id: "contender" }) })).toBe("taken");
    committed.push(`${stream.tenant} ${stream.id} ${sequence} ${id} [${n}]`);
  }
  for (const limit of [1, 7, 20, 100]) {
    const seen: string[] = [];
    let position = 0;
    for (;;) {
      const page = await one.recordsAfter(position, limit);
      for (const { position: at, stream, record } of page) {
        expect(at).toBeGreaterThan(position);
        position = at;
        seen.push(`${stream.tenant} ${stream.id} ${record.sequence} ${record.id} ${record.entries}`);
      }
      if (page.length < limit) break;
    }
    expect(seen).toEqual(committed);
  }
  expect((await one.recordsAfter(0, 1))[0]).toEqual({
    position: expect.any(Number),
    stream: { tenant: "t1", entity: "cart", id: "s1" },
    record: recordOf(1, { id: "r1", entries: "[1]" }),
  });
});

test("stats counts transactions and the records that were read", async () => {
  const journal = openJournal(freshFile());
  const stream = streamOf("a");
  expect(journal.stats()).toEqual({ transactions: 0, recordsRead: 0 });
  for (const sequence of [1, 2, 3]) await journal.append({ stream, record: recordOf(sequence) });
  expect(journal.stats()).toEqual({ transactions: 3, recordsRead: 0 });
  await journal.load(stream);
  await journal.load(stream, 2);
  await journal.record(stream, 1);
  await journal.record(stream, 9);
  await journal.history(stream, { after: 0, limit: 2 });
  // Its own newest records a process has at hand.
  await journal.recordsAfter(0, 10);
  expect(journal.stats()).toEqual({ transactions: 3, recordsRead: 7 });
});

test("records of sequences, times and versions up to 2^53 come back as they were", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const most = Number.MAX_SAFE_INTEGER;
  expect(await journal.append({ stream: streamOf("a"), record: recordOf(1, { id: "last but one" }) })).toBe("stored");
  // Nobody waits for 2^53 appends.
  const db = new DatabaseSync(file);
  db.exec(`UPDATE records SET sequence = ${most - 1}`);
  db.close();
  const record = recordOf(most, { previous: "last but one", time: most, version: most });
  expect(await journal.append({ stream: streamOf("a"), record })).toBe("stored");
  expect(await journal.record(streamOf("a"), most)).toEqual(record);
  expect((await journal.load(streamOf("a"), most - 1)).records).toEqual([record]);
});

test("a late page of earlier records does not take a key back to the record that it once pointed to", async () => {
  const journal = openJournal(freshFile());
  const stream = streamOf("a");
  const save = (sequence: number) =>
    journal.saveSnapshot(
      stream,
      { sequence, revision: 1, horizon: { foreign: 0, derived: 0 }, body: "{}" },
      { page: { from: sequence, sequence, expires: 1, keys: [["AAAAAAAAAAAAAAAAAAAAAA", sequence]] } },
    );
  await save(1);
  await save(9);
  await save(1);
  if (journal.keys.kind !== "index") throw new Error("no index");
  expect((await journal.keys.find(stream, ["AAAAAAAAAAAAAAAAAAAAAA"])).sequences).toEqual([9]);
});
