import { createSystem, formatKey } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { createMarkedTablesJournal, createTablesFailures, createTablesPlaces } from "holdfast/azure/tables";
import { account, anonymous, app } from "../../core/fixtures.ts";
import { cart, freshTable, recordAt, snapshotAt, useTables } from "./fixtures.ts";

const emulator = useTables();
const page = (sequence: number) =>
  ({ from: sequence, sequence, expires: 4_102_444_800_000, keys: [["Z".repeat(22), sequence]] }) as const;

describe("the operation budget, counted on the wire below the SDK", () => {
  /** An entity with so many commands behind it (a snapshot every 10), and an instance that has not seen it yet. */
  async function prepared(commands: number) {
    const table = freshTable(emulator);
    const { client, sent } = table.client();
    const journal = await table.open({ client });
    const writer = createTestApp(app, { journal });
    for (let i = 0; i < commands; i++) await writer.call(account, "a", { key: `k${i}` }).deposit({ amount: 1 });
    await writer.close();
    const cold = createTestApp(app, { journal, seed: 2 });
    const measure = async (work: () => Promise<unknown>) => {
      sent.length = 0;
      await work();
      return sent.slice();
    };
    return { table, journal, sent, cold, measure };
  }

  test("an accepted command on a warm entity is one insert and no read", async () => {
    const { table, cold: a, measure } = await prepared(1);
    await a.call(account, "a").deposit({ amount: 1 });
    expect(await measure(() => a.call(account, "a").deposit({ amount: 1 }))).toEqual(["insert"]);
    const key = formatKey(a.clock.now() + 1, "fresh");
    expect(await measure(() => a.call(account, "a", { key }).deposit({ amount: 1 }))).toEqual(["insert"]);
    await table.close();
  });

  test("a rejection, a command without effect and a view of a warm entity are one query each", async () => {
    const { table, cold: a, measure } = await prepared(1);
    await a.call(account, "a").peek();
    expect(await measure(() => a.call(account, "a").withdraw({ amount: 1_000 }))).toEqual(["query"]);
    expect(await measure(() => a.call(account, "a").peek())).toEqual(["query"]);
    const view = () => a.view({ entity: "account", id: "a", principal: anonymous });
    expect(await measure(view)).toEqual(["query"]);
    await table.close();
  });

  test("a cold entity is one query more; with an opaque key another one, for the pages", async () => {
    const { table, journal, cold, measure } = await prepared(57);
    expect(await measure(() => cold.call(account, "a").deposit({ amount: 1 }))).toEqual(["query", "insert"]);
    const other = createTestApp(app, { journal, seed: 3 });
    const opaque = () => other.call(account, "a", { key: "opaque" }).deposit({ amount: 1 });
    expect(await measure(opaque)).toEqual(["query", "query", "insert"]);
    await table.close();
  });

  test("a replayed duplicate writes nothing, and is at most one point read beyond the load", async () => {
    const { table, cold, measure } = await prepared(57);
    const replay = (key: string) => () => cold.call(account, "a", { key }).deposit({ amount: 1 });
    expect(await measure(replay("k56"))).toEqual(["query", "get"]);
    expect(await measure(replay("k56"))).toEqual(["get"]);
    await table.close();
  });

  test("an append at a slot that is taken is one insert and one point read", async () => {
    const { table, journal, measure } = await prepared(0);
    await journal.append({ stream: cart, record: recordAt(1) });
    const theirs = { stream: cart, record: recordAt(1, "theirs") };
    expect(await measure(() => journal.append(theirs))).toEqual(["insert", "get"]);
    await table.close();
  });

  test("a snapshot of a stream that was loaded is one write, and one more where it has a page of keys", async () => {
    const { table, journal, measure } = await prepared(0);
    await journal.load(cart);
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(1)))).toEqual(["insert"]);
    const next = () => journal.saveSnapshot(cart, snapshotAt(2), { page: page(2) });
    expect(await measure(next)).toEqual(["replace", "replace"]);
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(3)))).toEqual(["replace"]);
    await (await table.open()).saveSnapshot(cart, snapshotAt(4));
    await journal.load(cart);
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(5)))).toEqual(["replace"]);
    await table.close();
  });

  test("a snapshot of a stream that was not, or was replaced by another instance, is a point read more", async () => {
    const { table, journal, measure } = await prepared(0);
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(1)))).toEqual(["get", "insert"]);
    await (await table.open()).saveSnapshot(cart, snapshotAt(2));
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(3)))).toEqual(["replace", "get", "replace"]);
    await table.close();
  });

  test("a cold load is one query up to tailMax records behind the snapshot, and two beyond", async () => {
    const { table, journal, sent, measure } = await prepared(0);
    const short = await table.open({ tailMax: 3 });
    for (let sequence = 1; sequence <= 7; sequence++)
      await journal.append({ stream: cart, record: recordAt(sequence) });
    expect(await measure(() => journal.load(cart))).toEqual(["query"]);
    expect((await short.load(cart)).records).toEqual((await journal.load(cart)).records);
    expect((await short.load(cart)).records).toHaveLength(7);
    await journal.saveSnapshot(cart, snapshotAt(3));
    const watched = table.client();
    const few = await table.open({ client: watched.client, tailMax: 3 });
    expect((await few.load(cart)).records.map(({ sequence }) => sequence)).toEqual([4, 5, 6, 7]);
    expect(watched.sent).toEqual(["query"]);
    await journal.append({ stream: cart, record: recordAt(8) });
    expect((await few.load(cart)).records.map(({ sequence }) => sequence)).toEqual([4, 5, 6, 7, 8]);
    expect(watched.sent).toEqual(["query", "query", "query"]);
    expect(sent.every((each) => ["insert", "get", "query", "replace"].includes(each))).toBe(true);
    await table.close();
  });

  test("a page of history is one query, wherever it begins, and the list of streams two", async () => {
    const { table, journal, measure } = await prepared(0);
    for (let sequence = 1; sequence <= 9; sequence++)
      await journal.append({ stream: cart, record: recordAt(sequence) });
    expect(await measure(() => journal.history(cart, { after: 0, limit: 3 }))).toEqual(["query"]);
    expect(await measure(() => journal.history(cart, { after: 7, limit: 100 }))).toEqual(["query"]);
    expect(await measure(() => journal.streams({ ...cart, limit: 10 }))).toEqual(["query", "query"]);
    await table.close();
  });

  test("how far a stream is published costs a load nothing, and one query where nothing is left behind", async () => {
    const { table, measure, sent } = await prepared(0);
    const watched = table.client();
    const journal = createMarkedTablesJournal({ client: watched.client, system: createSystem() });
    for (let sequence = 1; sequence <= 3; sequence++) {
      await journal.append({ stream: cart, record: recordAt(sequence), published: sequence - 1 });
    }
    watched.sent.length = 0;
    expect((await journal.load(cart)).published).toBe(2);
    await journal.setPublished(cart, 3);
    expect(watched.sent).toEqual(["query", "get", "insert"]);
    watched.sent.length = 0;
    expect(await journal.unpublished(cart, 10)).toEqual({ published: 3, records: [] });
    expect(watched.sent).toEqual(["query"]);
    expect(await measure(async () => {})).toEqual([]);
    expect(sent).toEqual([]);
    await table.close();
  });

  test("failures cost nothing until there are some", async () => {
    const { table } = await prepared(0);
    const { client, sent } = table.client();
    const failures = createTablesFailures({ client, system: createSystem() });
    const places = createTablesPlaces({ client, system: createSystem() });
    const measured = async (work: Promise<unknown>) => {
      await work;
      return sent.splice(0);
    };
    const counts = { attempts: 1, since: 1 };
    const letter = {
      consumer: "queue:a",
      name: "m",
      body: "{}",
      created: 1,
      failures: counts,
      reason: { code: "x", message: "" },
    };
    expect(sent).toEqual([]);
    expect(await measured(failures.failures("sends", "m"))).toEqual(["get"]);
    expect(await measured(failures.saveFailures("sends", "m", counts, 2))).toEqual(["replace"]);
    expect(await measured(failures.bury(letter))).toEqual(["get", "insert"]);
    const ofStream = { ...letter, stream: cart, sequence: 1, n: 1 };
    expect(await measured(failures.bury(ofStream))).toEqual(["get", "get", "get", "transaction"]);
    expect(await measured(places.savePlace("subscription:a", cart, { sequence: 1, n: 1 }))).toEqual(["get", "insert"]);
    expect(await measured(places.place("subscription:a", cart))).toEqual(["get"]);
    await table.close();
  });
});
