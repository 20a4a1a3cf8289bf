import { createSystem } from "holdfast";
import { describe, expect, test } from "vitest";
import {
  checkTable,
  createMarkedTablesJournal,
  createTablesFailures,
  createTablesJournal,
  createTablesPlaces,
  type TablesOptions,
} from "holdfast/azure/tables";
import { cart, clientAt, freshTable, recordAt, snapshotAt, useTables } from "./fixtures.ts";

const emulator = useTables();
const nobody = { endpoint: "http://127.0.0.1:1/a", account: "a", key: "a2V5" };

describe("options of the stores on Table storage", () => {
  const { client } = clientAt(nobody, "journal");
  const at = (endpoint: string) => clientAt({ ...nobody, endpoint }, "journal").client;

  test.each<readonly [string, object]>([
    ['Unknown option "table"', { table: "x" }],
    ["client has to be a TableClient", { client: {} }],
    ["client has to be a TableClient", { client: undefined }],
    ["Cosmos DB for Table (a.table.cosmos.azure.com)", { client: at("https://a.table.cosmos.azure.com?sig=secret") }],
    [
      "secondary endpoint (a-secondary.table.core.windows.net)",
      { client: at("https://a-secondary.table.core.windows.net") },
    ],
    ["requestTimeoutMs is 0", { requestTimeoutMs: 0 }],
    ["tailMax is 999", { tailMax: 999 }],
    ["tailMax is 1.5", { tailMax: 1.5 }],
  ])("are refused with a reason: %s", (message, wrong) => {
    const options = { client, system: createSystem(), ...wrong } as TablesOptions;
    for (const create of [createTablesJournal, createTablesFailures, createTablesPlaces]) {
      expect(() => create(options)).toThrow(expect.objectContaining({ code: "invalid-options" }));
      expect(() => create(options)).toThrow(message);
    }
  });

  test("a journal that says how far streams are published gives appends up when wake-ups reckon with it", () => {
    const options = { client, system: createSystem() };
    expect(() => createMarkedTablesJournal({ ...options, requestTimeoutMs: 10_001 })).toThrow(
      "requestTimeoutMs is 10001",
    );
    expect(createMarkedTablesJournal({ ...options, requestTimeoutMs: 10_000 })).toBeDefined();
    expect(createTablesJournal({ ...options, requestTimeoutMs: 900_000 })).toBeDefined();
  });

  test("a client of an account's primary endpoint is taken", () => {
    const primary = at("https://a.table.core.windows.net");
    expect(createTablesJournal({ client: primary, system: createSystem(), tailMax: 998 })).toBeDefined();
  });
});

describe("a table that is not there", () => {
  test("is named in every error, with what to do", async () => {
    const { client } = clientAt(emulator(), "nowhere");
    const system = createSystem();
    const journal = createTablesJournal({ client, system });
    const failures = createTablesFailures({ client, system });
    const missing = {
      code: "journal-unavailable",
      retry: "never",
      message: expect.stringMatching(/^There is no table "nowhere" .*Create it/) as string,
    };
    const letter = {
      consumer: "sends",
      created: 1,
      failures: { attempts: 1, since: 1 },
      reason: { code: "x", message: "" },
    };
    await expect(journal.append({ stream: cart, record: recordAt(1) })).rejects.toMatchObject(missing);
    await expect(journal.load(cart)).rejects.toMatchObject(missing);
    await expect(journal.record(cart, 1)).rejects.toMatchObject(missing);
    await expect(journal.saveSnapshot(cart, snapshotAt(1))).rejects.toMatchObject(missing);
    await expect(journal.streams({ ...cart, limit: 1 })).rejects.toMatchObject(missing);
    await expect(journal.erase(cart, 1)).rejects.toMatchObject(missing);
    await expect(failures.dead({ limit: 1 })).rejects.toMatchObject(missing);
    await expect(failures.bury({ ...letter, stream: cart, sequence: 1, n: 1 })).rejects.toMatchObject(missing);
    await expect(failures.saveFailures("sends", "m", letter.failures, 1)).rejects.toMatchObject(missing);
    await expect(checkTable({ client, system })).rejects.toMatchObject(missing);
  });

  test("is told of by what refuses a transaction inside, too", async () => {
    const table = freshTable(emulator);
    await table.make();
    const watched = table.client();
    const failures = createTablesFailures({ client: watched.client, system: createSystem() });
    watched.plan = async (operation) => {
      if (operation === "transaction") await table.client().client.deleteTable();
      return undefined;
    };
    const letter = {
      consumer: "sends",
      created: 1,
      failures: { attempts: 1, since: 1 },
      reason: { code: "x", message: "" },
    };
    await expect(failures.bury({ ...letter, stream: cart, sequence: 1, n: 1 })).rejects.toMatchObject({
      code: "journal-unavailable",
    });
  });

  test("is no error where it is there", async () => {
    const table = freshTable(emulator);
    await table.make();
    await expect(checkTable({ client: table.client().client, system: createSystem() })).resolves.toBeUndefined();
    await table.close();
  });
});
