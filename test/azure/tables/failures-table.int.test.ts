import type { TableEntity } from "@azure/data-tables";
import { createRuntime, createSystem, type Journal, systemPrincipal } from "holdfast";
import { describe, expect, test } from "vitest";
import { createTablesFailures, createTablesPlaces, removeExpired } from "holdfast/azure/tables";
import { account, app } from "../../core/fixtures.ts";
import { type Fault, freshTable, noise, type Plan, recordAt, useTables } from "./fixtures.ts";

const emulator = useTables();
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
async function storesOn(plan: Plan = () => undefined, maxRetries = 2) {
  const table = freshTable(emulator);
  const journal = await table.open();
  const system = createSystem();
  const honest = createTablesFailures({ client: table.client().client, system });
  const watched = table.client(maxRetries);
  const store = createTablesFailures({ client: watched.client, system });
  watched.plan = plan;
  return { table, journal, honest, store, watched };
}

type Stores = Awaited<ReturnType<typeof storesOn>>;

/** Has an entity with one command, and erases it. */
async function eraseOne(journal: Journal, between: () => Promise<void> = async () => {}): Promise<void> {
  const runtime = createRuntime(app, { journal });
  await runtime.call(account, "a").deposit({ amount: 1 });
  await between();
  await runtime.erase({ entity: "account", id: "a", principal: systemPrincipal });
  await runtime.close();
}

describe("failures in the journal's table", () => {
  test("are seen by nothing that reads the journal, and survive the erasure of streams", async () => {
    const { table, journal, store } = await storesOn();
    for (const id of ["a", "b"]) await journal.append({ stream: { ...stream, id }, record: recordAt(1) });
    // Like a record's row key, and others of a stream.
    for (const id of ["t9007199254740990", "s", "k0000000000000001.000"]) {
      await store.saveFailures("account", id, letter.failures, start);
    }
    await store.bury(letter);
    await store.bury(posted);
    expect(await journal.streams({ ...stream, limit: 10 })).toEqual(["a", "b"]);
    await journal.erase(stream, 2);
    expect(await store.dead({ limit: 10 })).toHaveLength(2);
    expect(await store.failures("account", "s")).toEqual(letter.failures);
    await table.close();
  });

  test("of a stream that is erased keep no reason, whichever came first", async () => {
    const { table, journal, store } = await storesOn();
    await eraseOne(journal, () => store.bury(letter));
    await store.blank(stream);
    // A handler that was at work meanwhile gives up afterwards, and its error quotes the event.
    await store.bury({ ...letter, sequence: 1 });
    await store.bury({ ...letter, created: start + 1 });
    await store.bury({ ...letter, stream: { ...stream, id: "b" } });
    const reasons = (await store.dead({ limit: 10 })).map(({ stream: of, reason }) => [of?.id, reason]);
    expect(reasons.toSorted()).toEqual([
      ["a", erased],
      ["a", erased],
      ["b", letter.reason],
    ]);
    await table.close();
  });

  test("of a stream that is erased keep no reason, also before they are blanked", async () => {
    const { table, journal, store } = await storesOn();
    await eraseOne(journal);
    await store.bury(letter);
    expect((await store.dead({ limit: 10 })).map(({ reason }) => reason)).toEqual([erased]);
    await table.close();
  });

  test("that are written while their stream is erased and blanked keep no reason", async () => {
    const { table, journal, honest, store, watched } = await storesOn();
    watched.plan = async (operation, before) => {
      // After the looks, and before what they found is written.
      if (operation === "transaction" && before === 0) {
        await eraseOne(journal);
        await honest.blank(stream);
      }
      return undefined;
    };
    await store.bury(letter);
    expect((await honest.dead({ limit: 10 })).map(({ reason }) => reason)).toEqual([erased]);
    expect(watched.sent.filter((each) => each === "transaction")).toHaveLength(1);
    await table.close();
  });

  test("that are replaced while they are blanked keep no reason", async () => {
    const { table, honest, store, watched } = await storesOn();
    await honest.bury(letter);
    watched.plan = async (operation, before) => {
      if (operation === "replace" && before === 1) await honest.bury({ ...letter, created: start + 1 });
      return undefined;
    };
    await store.blank(stream);
    expect(await honest.dead({ limit: 10 })).toMatchObject([{ created: start + 1, reason: erased }]);
    await table.close();
  });

  test("that are blanked leave nothing of a long reason in any property", async () => {
    const { table, honest, store, watched } = await storesOn();
    await honest.bury({
      ...letter,
      body: noise(100_000),
      reason: { code: "x", message: "secret", stack: noise(4_000) },
    });
    await honest.blank(stream);
    const [row] = await rowsOf(table);
    expect(Object.keys(row ?? {}).filter((name) => /^reason|^content/.test(name))).toEqual([
      "content0",
      "content1",
      "reason",
    ]);
    expect((await honest.dead({ limit: 1 }))[0]).toMatchObject({ reason: erased, body: noise(100_000) });
    // What is blank already is not written once more.
    await store.blank(stream);
    expect(watched.sent).toEqual(["replace", "query", "get"]);
    await table.close();
  });

  test("a letter that dies again while it is dropped up to a time stays", async () => {
    const { table, honest, store, watched } = await storesOn();
    await honest.bury(posted);
    watched.plan = async (operation, before) => {
      if (operation === "delete" && before === 0) await honest.bury({ ...posted, created: start + 9 });
      return undefined;
    };
    const [found] = await honest.dead({ limit: 1 });
    expect(await store.drop([found?.id ?? 0], start)).toBe(0);
    expect(await honest.dead({ limit: 1 })).toMatchObject([{ created: start + 9 }]);
    await table.close();
  });

  test("counts that have expired go when they are asked to, and those of messages that fail again meanwhile stay", async () => {
    const { table, honest, store, watched } = await storesOn();
    for (const id of ["a", "b", "c"]) await store.saveFailures("sends", id, letter.failures, start);
    await store.saveFailures("sends", "d", letter.failures, start + 1);
    await store.bury(letter);
    let again: Promise<void> | undefined;
    watched.plan = async (operation) => {
      // Before any of them is removed, and after all were found.
      if (operation === "delete")
        await (again ??= honest.saveFailures("sends", "b", { attempts: 4, since: 1 }, start + 9));
      return undefined;
    };
    const system = { ...createSystem(), now: () => start + 1 };
    expect(await removeExpired({ client: watched.client, system })).toBe(2);
    expect(await Promise.all(["a", "b", "c", "d"].map((id) => store.failures("sends", id)))).toEqual([
      undefined,
      { attempts: 4, since: 1 },
      undefined,
      letter.failures,
    ]);
    expect(await store.dead({ limit: 2 })).toHaveLength(1);
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

  test("a message that is too large for a row is refused with what to do, and larger ones fit deflated", async () => {
    const { table, store } = await storesOn();
    const body = "abc".repeat(350_000);
    await store.bury({ ...posted, body });
    expect((await store.dead({ limit: 1 }))[0]).toMatchObject({ body, name: "row-7", attributes: '{"a":"b"}' });
    const tooLarge = { ...posted, name: "row-8", body: noise(1_400_000) };
    await expect(store.bury(tooLarge)).rejects.toMatchObject({
      code: "message-too-large",
      message: expect.stringContaining("256 KiB") as string,
    });
    await table.close();
  });

  test.each<readonly [string, Record<string, unknown>]>([
    ["without a consumer", { consumer: 1n }],
    ["with attempts that are no number", { attempts: "x" }],
    ["with a sequence of zero", { sequence: 0n }],
    ["of a stream that is none", { stream: "default/account" }],
    ["with content that is not deflated", { content0: new Uint8Array([1, 2, 3]) }],
  ])("a dead letter %s is damaged", async (_, change) => {
    const { table, store } = await storesOn();
    await store.bury(letter);
    const [row] = await rowsOf(table);
    if (!row) throw new Error("it was buried");
    await table.client().client.updateEntity({ ...row, ...change }, "Replace");
    await expect(store.dead({ limit: 1 })).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });

  test("a count, or a place, that is no number is damaged", async () => {
    const { table, store } = await storesOn();
    const { client } = table.client();
    await client.createEntity({ partitionKey: "$failures.sends", rowKey: "m", attempts: 1.5, since: 1n });
    await expect(store.failures("sends", "m")).rejects.toMatchObject({ code: "journal-corrupt" });
    await client.createEntity({ partitionKey: "$places.default.account.a", rowKey: "sends", sequence: "x", n: 1n });
    const places = createTablesPlaces({ client, system: createSystem() });
    await expect(places.place("sends", stream)).rejects.toMatchObject({ code: "journal-corrupt" });
    await table.close();
  });
});

/** The dead letters as they are stored. */
async function rowsOf({ client }: Stores["table"]): Promise<readonly TableEntity[]> {
  const rows: TableEntity[] = [];
  for await (const row of client().client.listEntities()) {
    // Every row has both keys; the SDK's type does not say so.
    if (/^\d{16}$/.test(row.rowKey ?? "")) rows.push(row as TableEntity);
  }
  return rows;
}

const broken: Fault = { status: 500, code: "InternalError" };
const throttled: Fault = { status: 503, code: "ServerBusy" };

describe("a write of the failure store that goes wrong", () => {
  const writes = {
    saveFailures: ({ store }: Stores) => store.saveFailures("sends", "m", letter.failures, start),
    "bury of a stream's": ({ store }: Stores) => store.bury(letter),
    "bury of a message": ({ store }: Stores) => store.bury(posted),
    blank: ({ store }: Stores) => store.blank(stream),
    drop: async ({ store, honest }: Stores) => {
      const [first] = await honest.dead({ consumer: "sends", limit: 1 });
      return store.drop(first ? [first.id] : []);
    },
    "drop up to a time": async ({ store, honest }: Stores) => {
      const [first] = await honest.dead({ consumer: "sends", limit: 1 });
      return store.drop(first ? [first.id] : [], start);
    },
  };

  /** What they all work on. */
  async function prepared(plan: Plan, maxRetries: number): Promise<Stores> {
    const stores = await storesOn(plan, maxRetries);
    await stores.honest.bury({ ...letter, consumer: "sends" });
    return stores;
  }

  const shownBy = async ({ honest }: Stores) => ({
    count: await honest.failures("sends", "m"),
    letters: await honest.dead({ limit: 10 }),
  });

  const isWrite = (operation: string): boolean => operation !== "query" && operation !== "get";
  const firstWrite = (fault: Fault): Plan => {
    let first = true;
    return (operation) => {
      if (!first || !isWrite(operation)) return undefined;
      first = false;
      return fault;
    };
  };

  describe.each(Object.entries(writes))("%s", (name, write) => {
    async function expected(): Promise<Awaited<ReturnType<typeof shownBy>>> {
      const stores = await prepared(() => undefined, 0);
      await write(stores);
      const shown = await shownBy(stores);
      await stores.table.close();
      return shown;
    }

    test.each<readonly [string, Fault, string, boolean]>([
      ["after its effect says that nobody knows", "answer lost", "outcome-unknown", true],
      ["inside Table storage says that nobody knows", broken, "outcome-unknown", false],
      ["before its effect says that it did not happen: throttled", throttled, "overloaded", false],
      ["before its effect says that it did not happen: refused", "refused", "journal-failed", false],
    ])("that fails %s, and repeated it is as if nothing had been", async (__, fault, code, landed) => {
      const stores = await prepared(firstWrite(fault), 0);
      const before = await shownBy(stores);
      await expect(write(stores)).rejects.toMatchObject({ name: "HoldfastError", code, retry: "later" });
      // Of blanking, the first write only says that the stream is erased.
      expect(await shownBy(stores)).toEqual(landed && name !== "blank" ? await expected() : before);
      await write(stores);
      expect(await shownBy(stores)).toEqual(await expected());
      await stores.table.close();
    });

    test("whose answer is lost is tried again by the SDK, and has its effect once", async () => {
      const stores = await prepared(firstWrite("answer lost"), 2);
      const answer = await write(stores);
      expect(stores.watched.sent.filter(isWrite).length).toBeGreaterThanOrEqual(2);
      expect(await shownBy(stores)).toEqual(await expected());
      // What it has dropped itself counts, whichever attempt it was.
      expect([undefined, 1]).toContain(answer);
      await stores.table.close();
    });
  });

  test.each<readonly [string, Fault, string]>([
    ["failed", { status: 500, code: "InternalError", inside: true }, "outcome-unknown"],
    ["was throttled", { status: 503, code: "ServerBusy", inside: true }, "overloaded"],
    ["may not be written", { status: 403, code: "AuthorizationPermissionMismatch", inside: true }, "journal-failed"],
  ])("a transaction that was taken, and of which a part %s, says so", async (_, fault, code) => {
    const { table, store } = await storesOn((operation) => (operation === "transaction" ? fault : undefined), 0);
    await expect(store.bury(letter)).rejects.toMatchObject({ code, retry: "later" });
    await table.close();
  });

  test("reads that fail are overloaded", async () => {
    const { table, store } = await storesOn(() => broken, 0);
    const overloaded = { code: "overloaded", retry: "later" };
    await expect(store.failures("sends", "m")).rejects.toMatchObject(overloaded);
    await expect(store.dead({ limit: 1 })).rejects.toMatchObject(overloaded);
    await expect(store.drop([1], start)).rejects.toMatchObject(overloaded);
    await table.close();
  });
});
