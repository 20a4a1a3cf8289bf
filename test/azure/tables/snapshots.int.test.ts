import { createSystem } from "holdfast";
import { describe, expect, test } from "vitest";
import { removeExpired } from "holdfast/azure/tables";
import { cart, freshTable, noise, recordAt, rowKeysIn, snapshotAt, useTables } from "./fixtures.ts";

const emulator = useTables();
const page = { from: 1, sequence: 1, expires: 4_102_444_800_000, keys: [["Z".repeat(22), 1]] } as const;
const isPart = (key: string): boolean => key.startsWith("p");

/** Noise of which a row, of 960 KiB, does not hold the first. */
const [large, larger] = [1_400_000, 2_700_000];

describe("snapshots on Table storage", () => {
  async function opened() {
    const table = freshTable(emulator);
    const watched = table.client();
    const journal = await table.open({ client: watched.client });
    return { table, watched, journal, stored: () => rowKeysIn(table.client()) };
  }

  test("one of a megabyte is in one row, in as many properties as it needs", async () => {
    const { table, journal, stored } = await opened();
    const snapshot = snapshotAt(1, noise(1_200_000));
    await journal.saveSnapshot(cart, snapshot);
    expect((await journal.load(cart)).snapshot).toEqual(snapshot);
    expect(await stored()).toEqual(["s"]);
    await journal.saveSnapshot(cart, snapshotAt(2, noise(200_000)));
    const row = await table.client().client.getEntity("default.cart.c1", "s");
    expect(Object.keys(row).filter((name) => name.startsWith("body"))).toEqual(["body0", "body1", "body2"]);
    await table.close();
  });

  test.each<readonly [string, string, string]>([
    ["1,024 characters is text", `"${"漢".repeat(1_022)}"`, "body"],
    ["1,025 characters is deflated", `"${"a".repeat(1_023)}"`, "body0"],
    ["characters that a tool may not show is deflated", '"\ufffe"', "body0"],
  ])("a body of %s", async (_, body, property) => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1, body));
    const row = await table.client().client.getEntity("default.cart.c1", "s");
    expect(Object.keys(row).filter((name) => name.startsWith("body"))).toEqual([property]);
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(1, body));
    await table.close();
  });

  test("one that does not fit into a row goes into parts, comes back, and a smaller one takes them away", async () => {
    const { table, watched, journal, stored } = await opened();
    await journal.append({ stream: cart, record: recordAt(1) });
    const first = snapshotAt(1, noise(large));
    await journal.saveSnapshot(cart, first);
    expect(watched.sent).toEqual(["insert", "get", "transaction"]);
    expect(await journal.load(cart)).toEqual({ snapshot: first, records: [] });
    expect((await stored()).filter(isPart)).toHaveLength(2);
    const second = snapshotAt(2, noise(larger, 2));
    watched.sent.length = 0;
    await journal.saveSnapshot(cart, second);
    expect(watched.sent).toEqual(["transaction", "delete", "delete"]);
    expect((await journal.load(cart)).snapshot).toEqual(second);
    expect((await stored()).filter(isPart)).toHaveLength(3);
    await journal.saveSnapshot(cart, snapshotAt(3));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(3));
    expect(await stored()).toEqual(["s", "t9007199254740990"]);
    watched.sent.length = 0;
    await journal.saveSnapshot(cart, snapshotAt(4, noise(large)));
    // A transaction's answer does not say which version it made.
    await journal.saveSnapshot(cart, snapshotAt(5));
    expect(watched.sent).toEqual(["transaction", "get", "replace", "delete", "delete"]);
    await table.close();
  });

  test("the largest that is taken fits into one transaction, and is read over many pages", async () => {
    const { table, journal } = await opened();
    const largest = snapshotAt(1, noise(3_915_000));
    await journal.saveSnapshot(cart, largest);
    expect((await journal.load(cart)).snapshot).toEqual(largest);
    await table.close();
  });

  test("one in parts that is older changes nothing, and leaves nothing behind", async () => {
    const { table, journal, stored } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(5));
    await journal.saveSnapshot(cart, snapshotAt(4, noise(large)));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(5));
    expect(await stored()).toEqual(["s"]);
    await table.close();
  });

  test("of many in parts that are saved at once the newest stands, and only its parts", async () => {
    const { table, journal, stored } = await opened();
    const bodies = [1, 2, 3, 4].map((n) => noise(large, n));
    await Promise.all(bodies.map((body, i) => journal.saveSnapshot(cart, snapshotAt(i + 1, body))));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(4, bodies[3]));
    expect(await stored()).toHaveLength(3);
    await table.close();
  });

  test("one in parts that replaces what came after its look leaves no parts of that behind", async () => {
    const { table, journal, stored } = await opened();
    const watched = table.client();
    // Between the look at what stands and the transaction.
    watched.plan = async (operation, before) => {
      if (operation === "transaction" && before === 0) await journal.saveSnapshot(cart, snapshotAt(1, noise(large)));
      return undefined;
    };
    const slow = await table.open({ client: watched.client });
    const newest = snapshotAt(2, noise(large, 2));
    await slow.saveSnapshot(cart, newest);
    expect((await journal.load(cart)).snapshot).toEqual(newest);
    expect(await stored()).toHaveLength(3);
    expect(watched.sent.slice(0, 4)).toEqual(["get", "transaction", "get", "transaction"]);
    await table.close();
  });

  test("one in parts whose answer is lost stands, and the parts that it replaced are gone", async () => {
    const { table, journal, stored } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1, noise(large)));
    const watched = table.client();
    watched.plan = (operation, before) => (operation === "transaction" && before === 0 ? "answer lost" : undefined);
    const newest = snapshotAt(2, noise(large, 2));
    await (await table.open({ client: watched.client })).saveSnapshot(cart, newest);
    expect((await journal.load(cart)).snapshot).toEqual(newest);
    expect(await stored()).toHaveLength(3);
    await table.close();
  });

  test("a reader whose parts are replaced under it reads the newer ones", async () => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1, noise(large)));
    const newer = snapshotAt(2, noise(large, 2));
    const watched = table.client();
    // The first query has met the head; the second one is for its parts.
    watched.plan = async (operation, before) => {
      if (operation === "query" && before === 1) await journal.saveSnapshot(cart, newer);
      return undefined;
    };
    const reader = await table.open({ client: watched.client });
    expect((await reader.load(cart)).snapshot).toEqual(newer);
    expect(watched.sent).toEqual(["query", "query", "query", "query"]);
    await table.close();
  });

  test("one whose part is missing is damaged, and nothing is made of the rest", async () => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1, noise(large)));
    const { client } = table.client();
    const [first = ""] = (await rowKeysIn(table.client())).filter(isPart);
    await client.deleteEntity("default.cart.c1", first);
    await expect(journal.load(cart)).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });

  test("one past the limit is refused before anything is written, its keys included", async () => {
    const { table, watched, journal } = await opened();
    for (const body of [noise(4_000_000), JSON.stringify("x".repeat(16 * 1_024 * 1_024))]) {
      const refusal = { code: "entity-too-large", retry: "never" };
      await expect(journal.saveSnapshot(cart, snapshotAt(1, body), { page })).rejects.toMatchObject(refusal);
    }
    expect(watched.sent).toEqual([]);
    await table.close();
  });

  test("a record past what a row holds is refused before anything is written", async () => {
    const { table, watched, journal } = await opened();
    const record = { ...recordAt(1), entries: noise(1_400_000) };
    await expect(journal.append({ stream: cart, record })).rejects.toMatchObject({ code: "entity-too-large" });
    expect(watched.sent).toEqual([]);
    await table.close();
  });

  test("an older one that raises the horizon of what stands, meanwhile replaced, raises that one's", async () => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, { ...snapshotAt(5), horizon: { foreign: 5, derived: 5 } });
    const watched = table.client();
    watched.plan = async (operation, before) => {
      if (operation === "merge" && before === 0) {
        await journal.saveSnapshot(cart, { ...snapshotAt(6), horizon: { foreign: 9, derived: 6 } });
      }
      return undefined;
    };
    const older = { ...snapshotAt(4), horizon: { foreign: 7, derived: 7 } };
    await (await table.open({ client: watched.client })).saveSnapshot(cart, older);
    expect((await journal.load(cart)).snapshot).toEqual({ ...snapshotAt(6), horizon: { foreign: 9, derived: 7 } });
    expect(watched.sent).toEqual(["get", "merge", "get", "merge"]);
    await table.close();
  });

  test("what an instance remembers of an outdated snapshot hides no newer one, and no erasure", async () => {
    const { table, journal } = await opened();
    const other = await table.open();
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.append({ stream: cart, record: recordAt(2) });
    await journal.saveSnapshot(cart, { ...snapshotAt(9), revision: 2 });
    // By hand, since nothing makes a snapshot older: what is remembered is newer than what stands.
    await table.client().client.deleteEntity("default.cart.c1", "s");
    await journal.saveSnapshot(cart, snapshotAt(1));
    expect((await other.load(cart)).snapshot).toEqual(snapshotAt(1));
    const empty = { ...snapshotAt(2), revision: Number.MAX_SAFE_INTEGER };
    await other.saveSnapshot(cart, empty);
    await other.erase(cart, 2);
    await journal.saveSnapshot(cart, snapshotAt(1), { page });
    await journal.saveSnapshot(cart, { ...snapshotAt(3), revision: 3 }, { page });
    expect(await other.load(cart)).toEqual({ snapshot: empty, records: [] });
    expect((await rowKeysIn(table.client())).filter((key) => key.startsWith("k"))).toEqual([]);
    await table.close();
  });

  test("is refused where Table storage does not say which version it replaces", async () => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1));
    const { client } = table.client();
    const getEntity = client.getEntity.bind(client);
    client.getEntity = async (...args) => Object.assign((await getEntity(...args)) as never, { etag: "" });
    const unlucky = await table.open({ client });
    await expect(unlucky.saveSnapshot(cart, snapshotAt(2))).rejects.toMatchObject({ code: "journal-failed" });
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(1));
    await table.close();
  });

  test("erasing removes parts that a writer left which died before it had removed them", async () => {
    const { table, journal, stored } = await opened();
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.append({ stream: cart, record: recordAt(2) });
    await journal.saveSnapshot(cart, snapshotAt(1, noise(large)));
    const watched = table.client(0);
    watched.plan = (operation) => (operation === "delete" ? "refused" : undefined);
    const dying = await table.open({ client: watched.client });
    const empty = { ...snapshotAt(2), revision: Number.MAX_SAFE_INTEGER };
    await expect(dying.saveSnapshot(cart, empty)).rejects.toMatchObject({ retry: "later" });
    expect((await stored()).filter(isPart)).toHaveLength(2);
    await journal.erase(cart, 2);
    expect(await stored()).toEqual(["s", "t9007199254740989", "t9007199254740990"]);
    expect((await journal.record(cart, 1))?.entries).toBe("[]");
    await table.close();
  });

  test("erasing takes every property of a large payload, and leaves the parts of the snapshot that stands", async () => {
    const { table, journal } = await opened();
    const snapshot = snapshotAt(1, noise(large));
    await journal.append({ stream: cart, record: { ...recordAt(1), entries: noise(200_000) } });
    await journal.saveSnapshot(cart, snapshot);
    await journal.erase(cart, 2);
    expect((await journal.load(cart)).snapshot).toEqual(snapshot);
    const row = await table.client().client.getEntity("default.cart.c1", "t9007199254740990");
    expect(Object.keys(row).filter((name) => name.startsWith("entries"))).toEqual(["entries"]);
    await table.close();
  });

  test("a record whose second property is gone is damaged", async () => {
    const { table, journal } = await opened();
    await journal.append({ stream: cart, record: { ...recordAt(1), entries: noise(200_000) } });
    const { client } = table.client();
    const { entries1: _, ...rest } = await client.getEntity("default.cart.c1", "t9007199254740990");
    await client.updateEntity({ ...rest, partitionKey: "default.cart.c1", rowKey: "t9007199254740990" }, "Replace");
    await expect(journal.record(cart, 1)).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });

  test("a page over 9,000 keys goes into several rows, and expired ones go when they are asked to", async () => {
    const { table, watched, journal, stored } = await opened();
    const keys = Array.from({ length: 20_000 }, (_, n) => [String(n).padStart(22, "Z"), 1 + (n % 100)] as const);
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.saveSnapshot(cart, snapshotAt(100), { page: { from: 1, sequence: 100, expires: 5_000, keys } });
    await journal.saveSnapshot(cart, snapshotAt(200), { page: { ...page, sequence: 200, expires: 5_001 } });
    expect((await stored()).filter((key) => key.startsWith("k"))).toHaveLength(4);
    if (journal.keys.kind !== "pages") throw new Error("it keeps pages");
    expect(await journal.keys.load(cart, 100, 100)).toEqual([keys]);
    const at = (now: number) => ({ client: watched.client, system: { ...createSystem(), now: () => now } });
    expect(await removeExpired(at(5_000))).toBe(0);
    expect(await removeExpired(at(5_001))).toBe(3);
    expect(await stored()).toEqual(["k0000000000000200.000", "s", "t9007199254740990"]);
    await table.close();
  });
});
