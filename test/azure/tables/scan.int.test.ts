import { createSystem, type StreamId } from "holdfast";
import { describe, expect, test } from "vitest";
import { createMarkedTablesJournal, createTablesFailures, scanRecords } from "holdfast/azure/tables";
import { cart, freshTable, recordAt, snapshotAt, useTables } from "./fixtures.ts";

const emulator = useTables();
const streams: readonly StreamId[] = [
  cart,
  { ...cart, id: "ü" },
  { ...cart, entity: "cart2" },
  { ...cart, tenant: "default2" },
];

async function prepared() {
  const table = freshTable(emulator);
  const watched = table.client();
  const options = { client: watched.client, system: createSystem() };
  await table.make();
  const journal = createMarkedTablesJournal(options);
  const scanned = async (range?: Parameters<typeof scanRecords>[1]) => {
    const found: string[] = [];
    for await (const page of scanRecords(options, range)) {
      for (const { stream, record } of page) {
        found.push(`${stream.tenant} ${stream.entity} ${stream.id} ${record.sequence}`);
      }
    }
    return found;
  };
  return { table, watched, options, journal, scanned };
}

describe("the scan of all records", () => {
  test("gives each stream's in its own order, over many pages, and nothing that is no record", async () => {
    const { table, journal, options, scanned } = await prepared();
    for (const stream of streams) {
      for (let n = 1; n <= 3; n++) await journal.append({ stream, record: recordAt(n) });
      await journal.saveSnapshot(stream, snapshotAt(2));
    }
    for (let n = 4; n <= 250; n++) await journal.append({ stream: cart, record: recordAt(n) });
    const failures = createTablesFailures(options);
    await failures.saveFailures("account", "t9007199254740990", { attempts: 1, since: 1 }, 1);
    const all = await scanned();
    expect(all).toHaveLength(250 + 9);
    expect(all.filter((each) => each.startsWith("default cart c1 "))).toEqual(
      Array.from({ length: 250 }, (_, i) => `default cart c1 ${i + 1}`),
    );
    expect(all.filter((each) => each.includes("ü"))).toEqual([1, 2, 3].map((n) => `default cart ü ${n}`));
    expect(await scanned({ tenant: "default2" })).toEqual([1, 2, 3].map((n) => `default2 cart c1 ${n}`));
    expect(await scanned({ tenant: "default", entity: "cart2" })).toEqual(
      [1, 2, 3].map((n) => `default cart2 c1 ${n}`),
    );
    expect(await scanned({ tenant: "default", entity: "cart" })).toHaveLength(253);
    expect(await scanned({ entity: "cart2" })).toHaveLength(3);
    await table.close();
  });

  test("gives what was committed since a time, and no stream that had nothing", async () => {
    const { table, journal, scanned } = await prepared();
    for (let n = 1; n <= 5; n++) await journal.append({ stream: cart, record: { ...recordAt(n), time: 2 ** 40 + n } });
    await journal.append({ stream: { ...cart, id: "old" }, record: recordAt(1) });
    expect(await scanned({ since: 2 ** 40 + 4 })).toEqual(["default cart c1 4", "default cart c1 5"]);
    expect(await scanned({ since: 2 ** 40 + 6 })).toEqual([]);
    await table.close();
  });
});

describe("how far a stream is published", () => {
  test("is what records say, or its own row, whichever is later, and goes back never", async () => {
    const { table, journal } = await prepared();
    expect(await journal.load(cart)).toEqual({ records: [], published: 0 });
    expect(await journal.unpublished(cart, 10)).toEqual({ published: 0, records: [] });
    for (let n = 1; n <= 4; n++) {
      await journal.append({ stream: cart, record: recordAt(n), ...(n > 1 && { published: n - 2 }) });
    }
    expect(await journal.unpublished(cart, 10)).toEqual({ published: 2, records: [recordAt(3), recordAt(4)] });
    expect(await journal.unpublished(cart, 1)).toEqual({ published: 2, records: [recordAt(3)] });
    await journal.setPublished(cart, 3);
    await journal.setPublished(cart, 1);
    expect((await journal.load(cart)).published).toBe(3);
    expect(await journal.unpublished(cart, 10)).toEqual({ published: 3, records: [recordAt(4)] });
    await journal.append({ stream: cart, record: recordAt(5), published: 4 });
    expect((await journal.load(cart)).published).toBe(4);
    expect(await journal.load(cart, 4)).toEqual({ records: [recordAt(5)] });
    await journal.saveSnapshot(cart, snapshotAt(5));
    expect(await journal.load(cart)).toEqual({ snapshot: snapshotAt(5), records: [], published: 4 });
    await journal.erase(cart, 5);
    expect((await journal.load(cart)).published).toBe(4);
    await table.close();
  });

  test("is no stream, and no record", async () => {
    const { table, journal, scanned } = await prepared();
    await journal.setPublished(cart, 7);
    expect(await journal.streams({ ...cart, limit: 10 })).toEqual([]);
    expect(await scanned()).toEqual([]);
    expect(await journal.history(cart, { after: 0, limit: 10 })).toEqual([]);
    await table.close();
  });
});

describe("pages of Table storage", () => {
  test("that end early, also empty ones, are read on", async () => {
    const { table, watched, journal } = await prepared();
    for (let n = 1; n <= 8; n++) await journal.append({ stream: cart, record: recordAt(n) });
    await journal.saveSnapshot(cart, snapshotAt(3));
    for (let short = 0; short <= 7; short++) {
      watched.short = short;
      expect((await journal.load(cart)).snapshot, `${short}`).toEqual(snapshotAt(3));
      expect(
        (await journal.load(cart)).records.map(({ sequence }) => sequence),
        `${short}`,
      ).toEqual([4, 5, 6, 7, 8]);
      expect(await journal.history(cart, { after: 1, limit: 4 })).toEqual([2, 3, 4, 5].map((n) => recordAt(n)));
      expect(await journal.streams({ ...cart, limit: 3 })).toEqual(["c1"]);
      expect((await journal.unpublished(cart, 3)).records).toHaveLength(3);
    }
    await table.close();
  });
});
