import { type AttributeValue, GetItemCommand, paginateScan, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { createRuntime, createSystem, systemPrincipal } from "holdfast";
import { createDynamoFailures, createDynamoJournal, scanRecords } from "holdfast/aws/dynamodb";
import { describe, expect, test } from "vitest";
import { account, app } from "../../core/fixtures.ts";
import { clientAt, describeOnDynamo, type Fault, freshTable, onTheWire, recordAt, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();
const start = Date.UTC(2026, 0, 1);
const stream = { tenant: "default", entity: "account", id: "a" };
const letter = {
  consumer: "subscription:report",
  stream,
  sequence: 2,
  n: 1,
  created: start,
  failures: { attempts: 3, since: start - 5 },
  reason: { code: "TypeError", message: "It failed.", stack: "TypeError: It failed." },
};
const message = { consumer: "queue:imports", name: "row-7", body: "{}", attributes: '{"a":"b"}', created: start };
const posted = { ...message, failures: letter.failures, reason: { code: "bad", message: "" } };
const erased = { code: "erased", message: "" };

/** A store whose requests go wrong by plan, and one beside it that shows what is stored. */
async function storesOn(plan: Parameters<typeof onTheWire>[1] = () => undefined, maxAttempts = 3) {
  const table = freshTable(dynamo.endpoint);
  const journal = await table.open();
  const system = createSystem();
  const honest = createDynamoFailures({ client: table.client(), table: table.table, system });
  const client = table.client(maxAttempts);
  const sent = onTheWire(client, plan);
  const store = createDynamoFailures({ client, table: table.table, system });
  return { table, journal, honest, store, sent };
}

type Stores = Awaited<ReturnType<typeof storesOn>>;

async function itemsOf({ table }: Stores): Promise<readonly Record<string, AttributeValue>[]> {
  const items: Record<string, AttributeValue>[] = [];
  for await (const { Items = [] } of paginateScan({ client: table.client() }, { TableName: table.table })) {
    items.push(...Items);
  }
  return items.toSorted((a, b) => (a["pk"]?.S ?? "").localeCompare(b["pk"]?.S ?? ""));
}

describe("options of the failure store", () => {
  test.each([{ tabel: "x" }, { table: "no" }, { client: {} }])("are refused with a reason: %j", (wrong) => {
    const options = { client: clientAt("http://127.0.0.1:1"), table: "journal", system: createSystem(), ...wrong };
    expect(() => createDynamoFailures(options as Parameters<typeof createDynamoFailures>[0])).toThrow(
      expect.objectContaining({ code: "invalid-options" }),
    );
  });
});

describeOnDynamo("failures in the journal's table", () => {
  test("are items of the first version, in partitions that no stream has", async () => {
    const stores = await storesOn();
    await stores.store.saveFailures("subscription:report", "m-1", { attempts: 3, since: start }, start + 1);
    expect(await itemsOf(stores)).toEqual([
      {
        pk: { S: "$failures/subscription:report" },
        sk: { S: "m-1" },
        attempts: { N: "3" },
        since: { N: "1767225600000" },
        // Seconds, never too early.
        expires: { N: "1767225601" },
      },
    ]);
    await stores.table.close();
    const others = await storesOn();
    await others.store.bury(letter);
    await others.store.bury(posted);
    const rest = { pk: { S: "$dead" }, created: { N: "1767225600000" } };
    const counted = { attempts: { N: "3" }, since: { N: "1767225599995" } };
    expect(await itemsOf(others)).toEqual([
      {
        ...rest,
        ...counted,
        sk: { S: "0137435917668855" },
        consumer: { S: "subscription:report" },
        code: { S: "TypeError" },
        message: { S: "It failed." },
        stack: { S: "TypeError: It failed." },
        stream: { S: "default/account/a" },
        sequence: { N: "2" },
        n: { N: "1" },
      },
      {
        ...rest,
        ...counted,
        sk: { S: "0184835736206356" },
        consumer: { S: "queue:imports" },
        code: { S: "bad" },
        message: { S: "" },
        name: { S: "row-7" },
        body: { S: "{}" },
        attributes: { S: '{"a":"b"}' },
      },
    ]);
    await others.table.close();
  });

  test("are seen by nothing that reads the journal, and survive the erasure of streams", async () => {
    const { table, journal, store } = await storesOn();
    for (const id of ["a", "b"]) await journal.append({ stream: { ...stream, id }, record: recordAt(1) });
    // Like a record's sort key, and like the partition of a stream.
    for (const id of ["r0000000000000001", "s", "k0000000000000001/000"]) {
      await store.saveFailures("account", id, letter.failures, start);
    }
    await store.bury(letter);
    await store.bury(posted);
    expect(await journal.streams({ ...stream, limit: 10 })).toEqual(["a", "b"]);
    const options = { client: table.client(), table: table.table, system: createSystem() };
    const scanned: string[] = [];
    for await (const page of scanRecords(options)) {
      for (const { stream: of, record } of page) scanned.push(`${of.tenant}/${of.entity}/${of.id} ${record.sequence}`);
    }
    expect(scanned.toSorted()).toEqual(["default/account/a 1", "default/account/b 1"]);
    await journal.erase(stream, 2);
    await journal.erase({ tenant: "$failures", entity: "account", id: "x" }, 9);
    expect(await store.dead({ limit: 10 })).toHaveLength(2);
    expect(await store.failures("account", "s")).toEqual(letter.failures);
    await table.close();
  });

  test("of a stream that is erased keep no reason, whichever came first", async () => {
    const { table, journal, store } = await storesOn();
    const runtime = createRuntime(app, { journal });
    await runtime.call(account, "a").deposit({ amount: 1 });
    await store.bury(letter);
    await runtime.erase({ entity: "account", id: "a", principal: systemPrincipal });
    await store.blank(stream);
    // A handler that was at work meanwhile gives up afterwards, and its error quotes the event.
    await store.bury({ ...letter, sequence: 1 });
    await store.bury({ ...letter, stream: { ...stream, id: "b" } });
    const reasons = (await store.dead({ limit: 10 })).map(({ stream: of, reason }) => [of?.id, reason]);
    expect(reasons).toHaveLength(3);
    expect(reasons).toEqual(
      expect.arrayContaining([
        ["a", erased],
        ["a", erased],
        ["b", letter.reason],
      ]),
    );
    await runtime.close();
    await table.close();
  });

  test("a reason is cut to what the core stores of one", async () => {
    const { table, store } = await storesOn();
    const long = "字".repeat(10_000);
    await store.bury({ ...posted, reason: { code: long, message: long, stack: long } });
    const [found] = await store.dead({ limit: 1 });
    const { code = "", message: said = "", stack = "" } = found?.reason ?? {};
    expect([code.length, said.length, stack.length]).toEqual([64, 1_000, 4_000]);
    await table.close();
  });

  test("a message that is too large for an item is refused with what to do, and larger ones fit deflated", async () => {
    const { table, store } = await storesOn();
    const body = "abc".repeat(350_000);
    await store.bury({ ...posted, body });
    expect((await store.dead({ limit: 1 }))[0]).toMatchObject({ body, name: "row-7", attributes: '{"a":"b"}' });
    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)))
      .toString("base64")
      .repeat(8);
    const tooLarge = { ...posted, name: "row-8", body: noise };
    await expect(store.bury(tooLarge)).rejects.toMatchObject({
      code: "message-too-large",
      message: expect.stringContaining("MaximumMessageSize") as string,
    });
    await table.close();
  });

  test.each<readonly [string, Record<string, AttributeValue>]>([
    ["without a consumer", { consumer: { N: "1" } }],
    ["with attempts that are no number", { attempts: { S: "x" } }],
    ["with a sequence of zero", { sequence: { N: "0" } }],
    ["of a stream that is none", { stream: { S: "default/account" } }],
    ["with content that is not deflated", { content: { B: new Uint8Array([1, 2, 3]) } }],
    ["without a number", { sk: { S: "x" } }],
  ])("a dead letter %s is damaged", async (_, change) => {
    const { table, store } = await storesOn();
    const client = table.client();
    await store.bury(letter);
    const Key = { pk: { S: "$dead" }, sk: { S: await sortKey(store) } };
    const { Item = {} } = await client.send(new GetItemCommand({ TableName: table.table, Key }));
    await store.drop([Number(Key.sk.S)]);
    await client.send(new PutItemCommand({ TableName: table.table, Item: { ...Item, ...change } }));
    await expect(store.dead({ limit: 1 })).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });

  test("a count that is no number is damaged", async () => {
    const { table, store } = await storesOn();
    const Item = { pk: { S: "$failures/sends" }, sk: { S: "m" }, attempts: { N: "1.5" }, since: { N: "1" } };
    await table.client().send(new PutItemCommand({ TableName: table.table, Item }));
    await expect(store.failures("sends", "m")).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });
});

async function sortKey(store: Stores["store"]): Promise<string> {
  return String((await store.dead({ limit: 1 }))[0]?.id).padStart(16, "0");
}

const broken: Fault = { status: 500, type: "InternalServerError" };
const throttled: Fault = { status: 400, type: "ProvisionedThroughputExceededException" };

describeOnDynamo("a write of the failure store that goes wrong", () => {
  const writes = {
    saveFailures: ({ store }: Stores) => store.saveFailures("sends", "m", letter.failures, start),
    "bury of a stream's": ({ store }: Stores) => store.bury(letter),
    "bury of a message": ({ store }: Stores) => store.bury(posted),
    blank: ({ store }: Stores) => store.blank(stream),
    drop: async ({ store, honest }: Stores) => {
      const [first] = await honest.dead({ consumer: "sends", limit: 1 });
      return store.drop(first ? [first.id] : []);
    },
  };

  /** What they all work on. */
  async function prepared(plan: Parameters<typeof onTheWire>[1], maxAttempts: number): Promise<Stores> {
    const stores = await storesOn(plan, maxAttempts);
    await stores.honest.bury({ ...letter, consumer: "sends" });
    return stores;
  }

  const shownBy = async ({ honest }: Stores) => ({
    count: await honest.failures("sends", "m"),
    letters: await honest.dead({ limit: 10 }),
  });

  const isWrite = (operation: string): boolean => operation !== "Query" && operation !== "GetItem";
  const firstWrite =
    (fault: Fault): Parameters<typeof onTheWire>[1] =>
    (operation, before) =>
      isWrite(operation) && before === 0 ? fault : undefined;

  describe.each(Object.entries(writes))("%s", (_, write) => {
    async function expected(): Promise<Awaited<ReturnType<typeof shownBy>>> {
      const stores = await prepared(undefined, 1);
      await write(stores);
      const shown = await shownBy(stores);
      await stores.table.close();
      return shown;
    }

    test.each<readonly [string, Fault, string, boolean]>([
      ["after its effect says that nobody knows", "answer lost", "outcome-unknown", true],
      ["inside DynamoDB says that nobody knows", broken, "outcome-unknown", false],
      ["before its effect says that it did not happen: throttled", throttled, "overloaded", false],
      ["before its effect says that it did not happen: refused", "refused", "journal-failed", false],
    ])("that fails %s, and repeated it is as if nothing had been", async (__, fault, code, landed) => {
      const stores = await prepared(firstWrite(fault), 1);
      const before = await shownBy(stores);
      await expect(write(stores)).rejects.toMatchObject({ name: "HoldfastError", code, retry: "later" });
      expect(await shownBy(stores)).toEqual(landed ? await expected() : before);
      await write(stores);
      expect(await shownBy(stores)).toEqual(await expected());
      await stores.table.close();
    });

    test("whose answer is lost is tried again by the SDK, and has its effect once", async () => {
      const stores = await prepared(firstWrite("answer lost"), 3);
      const answer = await write(stores);
      expect(stores.sent.filter(isWrite)).toHaveLength(2);
      expect(await shownBy(stores)).toEqual(await expected());
      // What it has dropped itself counts, whichever attempt it was.
      expect([undefined, 1]).toContain(answer);
      await stores.table.close();
    });
  });

  test("a dead letter whose reason was taken is as sure as any, where its write fails after its effect", async () => {
    const stores = await storesOn(
      (operation, n) => (operation === "PutItem" && n === 0 ? "answer lost" : undefined),
      1,
    );
    const runtime = createRuntime(app, { journal: stores.journal });
    await runtime.call(account, "a").deposit({ amount: 1 });
    await runtime.erase({ entity: "account", id: "a", principal: systemPrincipal });
    await expect(stores.store.bury(letter)).rejects.toMatchObject({ code: "outcome-unknown" });
    await stores.store.bury(letter);
    expect((await stores.honest.dead({ limit: 10 })).map(({ reason }) => reason)).toEqual([erased]);
    await runtime.close();
    await stores.table.close();
  });

  test("a bury that meets another transaction is to be tried again, and has written nothing", async () => {
    const stores = await storesOn(
      (operation, n) =>
        operation === "TransactWriteItems" && n === 0
          ? { status: 400, type: "TransactionCanceledException", message: "[None, TransactionConflict]" }
          : undefined,
      1,
    );
    await expect(stores.store.bury(letter)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
    expect(await stores.honest.dead({ limit: 10 })).toEqual([]);
    await stores.store.bury(letter);
    expect(await stores.honest.dead({ limit: 10 })).toHaveLength(1);
    await stores.table.close();
  });

  test("reads that fail are overloaded, and every one asks for strong consistency", async () => {
    const { table, store } = await storesOn(() => broken, 1);
    const overloaded = { code: "overloaded", retry: "later" };
    await expect(store.failures("sends", "m")).rejects.toMatchObject(overloaded);
    await expect(store.dead({ limit: 1 })).rejects.toMatchObject(overloaded);
    await expect(store.blank(stream)).rejects.toMatchObject(overloaded);
    const client = table.client();
    const reads: unknown[] = [];
    client.middlewareStack.add(
      (next) => (args) => {
        if ("ConsistentRead" in args.input || "KeyConditionExpression" in args.input) {
          reads.push("ConsistentRead" in args.input && args.input.ConsistentRead);
        }
        return next(args);
      },
      { step: "initialize" },
    );
    const watched = createDynamoFailures({ client, table: table.table, system: createSystem() });
    await watched.failures("sends", "m");
    await watched.dead({ limit: 1 });
    await watched.dead({ limit: 1, consumer: "sends" });
    await watched.blank(stream);
    expect(reads).toEqual([true, true, true, true]);
    await table.close();
  });

  test("a table that is not there is named", async () => {
    const options = { client: clientAt(dynamo.endpoint()), table: "nowhere", system: createSystem() };
    const missing = { code: "journal-unavailable", message: expect.stringContaining('"nowhere"') as string };
    await expect(createDynamoFailures(options).bury(letter)).rejects.toMatchObject(missing);
    await expect(createDynamoFailures(options).dead({ limit: 1 })).rejects.toMatchObject(missing);
    expect(createDynamoJournal(options)).toBeDefined();
  });
});
