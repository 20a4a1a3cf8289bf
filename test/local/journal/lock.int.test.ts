import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import { freshFile, holdLock, openJournal, recordOf, streamOf } from "./fixtures.ts";

test("appends wait for another process's lock while the event loop goes on, and succeed after it", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  await journal.append({ stream: streamOf("a"), record: recordOf(1) });
  const lock = await holdLock(file);
  let settled = 0;
  const appends = ["a", "b", "c"].map(async (id) => {
    const record = id === "a" ? recordOf(2) : recordOf(1);
    const result = await journal.append({ stream: streamOf(id), record });
    settled++;
    return result;
  });
  for (let tick = 0; tick < 30; tick++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(settled).toBe(0);
    expect((await journal.load(streamOf("a"))).records.length).toBe(1);
  }
  await lock.release();
  expect(await Promise.all(appends)).toEqual(["stored", "stored", "stored"]);
  expect(await journal.streams({ tenant: "default", entity: "cart", limit: 10 })).toEqual(["a", "b", "c"]);
});

test("appends that have waited longer than appendTimeoutMs are refused as overloaded, and nothing is stored", async () => {
  const file = freshFile();
  const system = createVirtualSystem();
  const journal = openJournal(file, { system, appendTimeoutMs: 500, busyTimeoutMs: 1 });
  const lock = await holdLock(file);
  const outcomes = ["a", "b"].map((id) =>
    expect(journal.append({ stream: streamOf(id), record: recordOf(1) })).rejects.toMatchObject({
      code: "overloaded",
      retry: "later",
      // Shown to callers: it does not tell where the file is.
      message: "The journal was locked by another process for 500 ms.",
    }),
  );
  await system.clock.advance(700);
  await Promise.all(outcomes);
  await lock.release();
  expect(await journal.streams({ tenant: "default", entity: "cart", limit: 10 })).toEqual([]);
  expect(await journal.append({ stream: streamOf("a"), record: recordOf(1) })).toBe("stored");
  expect(journal.stats().transactions).toBe(1);
});

test("an append that came later waits its own time", async () => {
  const file = freshFile();
  const system = createVirtualSystem();
  const journal = openJournal(file, { system, appendTimeoutMs: 500, busyTimeoutMs: 1 });
  const lock = await holdLock(file);
  const early = expect(journal.append({ stream: streamOf("a"), record: recordOf(1) })).rejects.toMatchObject({
    code: "overloaded",
  });
  await system.clock.advance(400);
  const late = journal.append({ stream: streamOf("b"), record: recordOf(1) });
  await system.clock.advance(200);
  await early;
  await lock.release();
  await system.clock.advance(100);
  expect(await late).toBe("stored");
  expect(await journal.streams({ tenant: "default", entity: "cart", limit: 10 })).toEqual(["b"]);
});

test("close waits for appends that wait for a lock", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const lock = await holdLock(file);
  const append = journal.append({ stream: streamOf("a"), record: recordOf(1) });
  const closed = journal.close();
  await lock.release();
  expect(await append).toBe("stored");
  await closed;
  expect((await openJournal(file).load(streamOf("a"))).records.length).toBe(1);
});
