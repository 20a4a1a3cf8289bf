import { createRandom } from "./random.ts";
import { expect, test } from "vitest";
import {
  cart,
  describeOnDynamo,
  freshTable,
  onTheWire,
  recordAt,
  snapshotAt,
  sortKeysIn,
  useDynamo,
} from "./fixtures.ts";

const dynamo = useDynamo();

/** JSON text that deflating makes a quarter smaller, no more. */
function noise(bytes: number, seed = 1): string {
  const random = createRandom(seed);
  const raw = Buffer.alloc(Math.ceil((bytes * 3) / 4));
  for (let i = 0; i < raw.length; i++) raw[i] = Math.floor(random() * 256);
  return JSON.stringify(raw.toString("base64").slice(0, bytes - 2));
}

describeOnDynamo("snapshots on DynamoDB", () => {
  async function opened() {
    const table = freshTable(dynamo.endpoint);
    const client = table.client();
    const journal = await table.open({ client });
    return { table, client, journal, stored: () => sortKeysIn(client, table.table) };
  }

  test("one that does not fit into an item goes into parts, comes back, and a smaller one takes them away", async () => {
    const { table, journal, stored } = await opened();
    await journal.append({ stream: cart, record: recordAt(1) });
    const large = snapshotAt(1, noise(1_200_000));
    await journal.saveSnapshot(cart, large);
    expect(await journal.load(cart)).toEqual({ snapshot: large, records: [] });
    expect((await stored()).filter((key) => key.startsWith("s/"))).toHaveLength(3);
    const larger = snapshotAt(2, noise(1_700_000, 2));
    await journal.saveSnapshot(cart, larger);
    expect((await journal.load(cart)).snapshot).toEqual(larger);
    expect((await stored()).filter((key) => key.startsWith("s/"))).toHaveLength(4);
    await journal.saveSnapshot(cart, snapshotAt(3));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(3));
    expect(await stored()).toEqual(["r0000000000000001", "s"]);
    await table.close();
  });

  test("one in parts that is older changes nothing, and leaves nothing behind", async () => {
    const { table, journal, stored } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(5));
    await journal.saveSnapshot(cart, snapshotAt(4, noise(600_000)));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(5));
    expect(await stored()).toEqual(["s"]);
    await table.close();
  });

  test("of many in parts that are saved at once the newest stands, and only its parts", async () => {
    const { table, journal, stored } = await opened();
    const bodies = [1, 2, 3, 4].map((n) => noise(600_000, n));
    const saves = bodies.map((body, i) => journal.saveSnapshot(cart, snapshotAt(i + 1, body)));
    await Promise.all(saves.map((save) => save.catch(() => undefined)));
    // One that met another's transaction is tried again, as the core does.
    await journal.saveSnapshot(cart, snapshotAt(4, bodies[3]));
    expect((await journal.load(cart)).snapshot).toEqual(snapshotAt(4, bodies[3]));
    expect(await stored()).toHaveLength(3);
    await table.close();
  });

  test("one in parts that replaces what came after its look leaves no parts of that behind", async () => {
    const { table, journal, stored } = await opened();
    const client = table.client();
    // Between the look at what stands and the transaction.
    onTheWire(client, async (operation, before) => {
      const isFirst = operation === "TransactWriteItems" && before === 0;
      if (isFirst) await journal.saveSnapshot(cart, snapshotAt(1, noise(600_000)));
      return undefined;
    });
    const slow = await table.open({ client });
    const newest = snapshotAt(2, noise(600_000, 2));
    await slow.saveSnapshot(cart, newest);
    expect((await journal.load(cart)).snapshot).toEqual(newest);
    expect(await stored()).toHaveLength(3);
    await table.close();
  });

  test("a reader whose parts are replaced under it reads the newer ones", async () => {
    const { table, journal } = await opened();
    await journal.saveSnapshot(cart, snapshotAt(1, noise(600_000)));
    const newer = snapshotAt(2, noise(600_000, 2));
    const client = table.client();
    // The first query has met the head; the second one is for its parts.
    const sent = onTheWire(client, async (operation, before) => {
      if (operation === "Query" && before === 1) await journal.saveSnapshot(cart, newer);
      return undefined;
    });
    const reader = await table.open({ client });
    expect((await reader.load(cart)).snapshot).toEqual(newer);
    expect(sent).toEqual(["Query", "Query", "Query", "Query"]);
    await table.close();
  });

  test("one past the limit is refused before anything is written, its keys included", async () => {
    const { table, client, journal } = await opened();
    const page = { from: 1, sequence: 1, expires: 4_102_444_800_000, keys: [["Z".repeat(22), 1]] as const };
    const sent = onTheWire(client);
    for (const body of [noise(6_000_000), JSON.stringify("x".repeat(16 * 1_024 * 1_024))]) {
      const refusal = { code: "entity-too-large", retry: "never" };
      await expect(journal.saveSnapshot(cart, snapshotAt(1, body), { page })).rejects.toMatchObject(refusal);
    }
    expect(sent).toEqual([]);
    await table.close();
  });

  test("a transaction that meets another one is overloaded, and the snapshot may be saved again", async () => {
    const { table, journal } = await opened();
    const client = table.client(1);
    onTheWire(client, (operation, before) =>
      operation === "TransactWriteItems" && before === 0
        ? { status: 400, type: "TransactionCanceledException" }
        : undefined,
    );
    const unlucky = await table.open({ client });
    const large = snapshotAt(1, noise(600_000));
    await expect(unlucky.saveSnapshot(cart, large)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
    await unlucky.saveSnapshot(cart, large);
    expect((await journal.load(cart)).snapshot).toEqual(large);
    await table.close();
  });

  test("erasing removes parts that a writer left which died before it had removed them", async () => {
    const { table, journal, stored } = await opened();
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.append({ stream: cart, record: recordAt(2) });
    await journal.saveSnapshot(cart, snapshotAt(1, noise(600_000)));
    const client = table.client(1);
    onTheWire(client, (operation) => (operation === "DeleteItem" ? "refused" : undefined));
    const dying = await table.open({ client });
    const empty = { ...snapshotAt(2), revision: Number.MAX_SAFE_INTEGER };
    await expect(dying.saveSnapshot(cart, empty)).rejects.toMatchObject({ retry: "later" });
    expect((await stored()).filter((key) => key.startsWith("s/"))).toHaveLength(2);
    await journal.erase(cart, 2);
    expect(await stored()).toEqual(["r0000000000000001", "r0000000000000002", "s"]);
    expect((await journal.record(cart, 1))?.entries).toBe("[]");
    await table.close();
  });

  test("erasing leaves the parts of the snapshot that stands", async () => {
    const { table, journal } = await opened();
    const large = snapshotAt(1, noise(600_000));
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.saveSnapshot(cart, large);
    await journal.erase(cart, 2);
    expect((await journal.load(cart)).snapshot).toEqual(large);
    await table.close();
  });

  test("a page over an item's limit goes into several, and expires with the time of its keys", async () => {
    const { table, journal, stored } = await opened();
    const keys = Array.from({ length: 20_000 }, (_, n) => [String(n).padStart(22, "Z"), 1 + (n % 100)] as const);
    const page = { from: 1, sequence: 100, expires: 4_102_444_800_001, keys };
    await journal.saveSnapshot(cart, snapshotAt(100), { page });
    expect(await stored()).toHaveLength(4);
    if (journal.keys.kind !== "pages") throw new Error("it keeps pages");
    expect(await journal.keys.load(cart, 100, 100)).toEqual([keys]);
    await table.close();
  });
});
