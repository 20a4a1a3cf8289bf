import { CreateTableCommand, DeleteTableCommand } from "@aws-sdk/client-dynamodb";
import { createSystem } from "holdfast";
import { checkTable, createDynamoJournal, tableInput } from "holdfast/aws/dynamodb";
import { describe, expect, test } from "vitest";
import { cart, clientAt, describeOnDynamo, onTheWire, recordAt, snapshotAt, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();
const expected = "with the partition key pk and the sort key sk, both strings";

describe("options of the journal on DynamoDB", () => {
  const client = clientAt("http://127.0.0.1:1");
  const system = createSystem();

  test.each<readonly [string, object]>([
    ['Unknown option "tabel"', { tabel: "x" }],
    ["client has to be a DynamoDBClient", { client: {} }],
    ['table is "no"', { table: "no" }],
    ["table is undefined", { table: undefined }],
    ["requestTimeoutMs is 0", { requestTimeoutMs: 0 }],
    ["tailMax is 10001", { tailMax: 10_001 }],
  ])("are refused with a reason: %s", (message, wrong) => {
    const create = () => createDynamoJournal({ client, table: "journal", system, ...wrong });
    expect(create).toThrow(expect.objectContaining({ code: "invalid-options" }));
    expect(create).toThrow(message);
  });
});

describeOnDynamo("a table that is not a journal's", () => {
  test("that is missing is named in every error, with the keys that it should have", async () => {
    const client = clientAt(dynamo.endpoint());
    const journal = createDynamoJournal({ client, table: "nowhere", system: createSystem() });
    const missing = {
      code: "journal-unavailable",
      retry: "never",
      message: expect.stringMatching(`There is no table "nowhere" .*${expected}`) as string,
    };
    await expect(journal.append({ stream: cart, record: recordAt(1) })).rejects.toMatchObject(missing);
    await expect(journal.load(cart)).rejects.toMatchObject(missing);
    await expect(journal.record(cart, 1)).rejects.toMatchObject(missing);
    await expect(journal.saveSnapshot(cart, snapshotAt(1))).rejects.toMatchObject(missing);
    await expect(journal.streams({ ...cart, limit: 1 })).rejects.toMatchObject(missing);
    await expect(journal.erase(cart, 1)).rejects.toMatchObject(missing);
    await expect(checkTable({ client, table: "nowhere" })).rejects.toMatchObject(missing);
    client.destroy();
  });

  test("that has other keys is refused with the keys that were expected", async () => {
    const client = clientAt(dynamo.endpoint());
    // What else than checkTable notices. A put needs no sort key where the table has none; the emulator does not look at
    // the type in a query's range (DynamoDB does: the next test).
    const schemas = [
      { name: "only-pk", keys: [["pk", "HASH", "S"]], notices: ["load"] },
      {
        name: "others",
        keys: [
          ["stream", "HASH", "S"],
          ["slot", "RANGE", "S"],
        ],
        notices: ["load", "append"],
      },
      {
        name: "numbers",
        keys: [
          ["pk", "HASH", "S"],
          ["sk", "RANGE", "N"],
        ],
        notices: ["append"],
      },
    ] as const;
    for (const { name, keys, notices } of schemas) {
      const input = {
        ...tableInput(name),
        AttributeDefinitions: keys.map(([AttributeName, , AttributeType]) => ({ AttributeName, AttributeType })),
        KeySchema: keys.map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
      };
      await client.send(new CreateTableCommand(input));
      const journal = createDynamoJournal({ client, table: name, system: createSystem() });
      const wrong = { code: "journal-unavailable", message: expect.stringContaining(expected) as string };
      const requests = {
        load: () => journal.load(cart),
        append: () => journal.append({ stream: cart, record: recordAt(1) }),
      };
      for (const method of notices) await expect(requests[method](), name).rejects.toMatchObject(wrong);
      await expect(checkTable({ client, table: name }), name).rejects.toMatchObject(wrong);
      await client.send(new DeleteTableCommand({ TableName: name }));
    }
    client.destroy();
  });

  test.each([
    "The provided key element does not match the schema",
    "One or more parameter values were invalid: Condition parameter type does not match schema type",
    "Query condition missed key schema element: stream",
    "Query key condition not supported",
  ])("is recognised by DynamoDB's own words: %s", async (message) => {
    const client = clientAt(dynamo.endpoint());
    onTheWire(client, () => ({ status: 400, type: "ValidationException", message }));
    const journal = createDynamoJournal({ client, table: "journal", system: createSystem() });
    const wrong = { code: "journal-unavailable", message: expect.stringContaining(expected) as string };
    await expect(journal.load(cart)).rejects.toMatchObject(wrong);
    await expect(journal.append({ stream: cart, record: recordAt(1) })).rejects.toMatchObject(wrong);
    client.destroy();
  });

  test("is accepted where it was made by tableInput", async () => {
    const client = clientAt(dynamo.endpoint());
    await client.send(new CreateTableCommand(tableInput("good")));
    await expect(checkTable({ client, table: "good" })).resolves.toBeUndefined();
    client.destroy();
  });
});
