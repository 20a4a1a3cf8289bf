import { formatKey } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import { account, anonymous, app } from "../../core/fixtures.ts";
import { cart, describeOnDynamo, freshTable, onTheWire, recordAt, snapshotAt, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();

describeOnDynamo("the operation budget, counted on the wire below the SDK", () => {
  /** An entity with so many commands behind it (a snapshot every 10), and an instance that has not seen it yet. */
  async function prepared(commands: number) {
    const table = freshTable(dynamo.endpoint);
    const client = table.client();
    const sent = onTheWire(client);
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

  test("an accepted command on a warm entity is one put and no read", async () => {
    const { table, cold: a, measure } = await prepared(1);
    await a.call(account, "a").deposit({ amount: 1 });
    expect(await measure(() => a.call(account, "a").deposit({ amount: 1 }))).toEqual(["PutItem"]);
    const key = formatKey(a.clock.now() + 1, "fresh");
    expect(await measure(() => a.call(account, "a", { key }).deposit({ amount: 1 }))).toEqual(["PutItem"]);
    await table.close();
  });

  test("a rejection, a command without effect and a view of a warm entity are one query each", async () => {
    const { table, cold: a, measure } = await prepared(1);
    await a.call(account, "a").peek();
    expect(await measure(() => a.call(account, "a").withdraw({ amount: 1_000 }))).toEqual(["Query"]);
    expect(await measure(() => a.call(account, "a").peek())).toEqual(["Query"]);
    const view = () => a.view({ entity: "account", id: "a", principal: anonymous });
    expect(await measure(view)).toEqual(["Query"]);
    await table.close();
  });

  test("a cold entity is one query more; with an opaque key another one, for the pages", async () => {
    const { table, journal, cold, measure } = await prepared(57);
    expect(await measure(() => cold.call(account, "a").deposit({ amount: 1 }))).toEqual(["Query", "PutItem"]);
    const other = createTestApp(app, { journal, seed: 3 });
    const opaque = () => other.call(account, "a", { key: "opaque" }).deposit({ amount: 1 });
    expect(await measure(opaque)).toEqual(["Query", "Query", "PutItem"]);
    await table.close();
  });

  test("a replayed duplicate writes nothing, and is at most one point read beyond the load", async () => {
    const { table, cold, measure } = await prepared(57);
    const replay = (key: string) => () => cold.call(account, "a", { key }).deposit({ amount: 1 });
    expect(await measure(replay("k56"))).toEqual(["Query", "GetItem"]);
    expect(await measure(replay("k56"))).toEqual(["GetItem"]);
    await table.close();
  });

  test("a snapshot is one put, and one more where it has a page of keys", async () => {
    const { table, journal, measure } = await prepared(0);
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(1)))).toEqual(["PutItem"]);
    const page = { from: 2, sequence: 2, expires: 4_102_444_800_000, keys: [["Z".repeat(22), 2]] as const };
    expect(await measure(() => journal.saveSnapshot(cart, snapshotAt(2), { page }))).toEqual(["PutItem", "PutItem"]);
    await table.close();
  });

  test("a cold load is one query up to tailMax records behind the snapshot, and two beyond", async () => {
    const { table, journal, sent, measure } = await prepared(0);
    const short = await table.open({ tailMax: 3 });
    for (let sequence = 1; sequence <= 7; sequence++)
      await journal.append({ stream: cart, record: recordAt(sequence) });
    expect(await measure(() => journal.load(cart))).toEqual(["Query"]);
    expect((await short.load(cart)).records).toEqual((await journal.load(cart)).records);
    await journal.saveSnapshot(cart, snapshotAt(4));
    const client = table.client();
    const queries = onTheWire(client);
    const watched = await table.open({ client, tailMax: 3 });
    expect((await watched.load(cart)).records.map(({ sequence }) => sequence)).toEqual([5, 6, 7]);
    expect(queries).toEqual(["Query"]);
    await journal.append({ stream: cart, record: recordAt(8) });
    expect((await watched.load(cart)).records.map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
    expect(queries).toEqual(["Query", "Query", "Query"]);
    expect(sent).not.toContain("Scan");
    await table.close();
  });

  test("every read asks for strong consistency", async () => {
    const { table } = await prepared(0);
    const client = table.client();
    const reads: boolean[] = [];
    client.middlewareStack.add(
      (next) => (args) => {
        if (!("Item" in args.input || "Key" in args.input) || "ConsistentRead" in args.input) {
          reads.push("ConsistentRead" in args.input && args.input.ConsistentRead === true);
        }
        return next(args);
      },
      { step: "initialize" },
    );
    const journal = await table.open({ client });
    await journal.load(cart);
    await journal.load(cart, 3);
    await journal.record(cart, 1);
    await journal.history(cart, { after: 0, limit: 1 });
    await journal.streams({ ...cart, limit: 1 });
    if (journal.keys.kind === "pages") await journal.keys.load(cart, 1, 2);
    await journal.erase(cart, 2);
    expect(reads).toEqual(Array.from({ length: 9 }, () => true));
    await table.close();
  });
});
