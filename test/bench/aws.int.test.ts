import { spawnSync } from "node:child_process";
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { expect, test } from "vitest";
import { parseArguments, UsageError } from "../../bench/arguments.ts";
import { getAndPut, withKeyTable } from "../../bench/aws/by-hand.ts";
import { capacityOf } from "../../bench/aws/capacity.ts";
import { changeOf, stateOf, written } from "../../bench/aws/document.ts";
import { openDynamo } from "../../bench/aws/dynamo.ts";
import { meter } from "../../bench/aws/meter.ts";
import { priceOf } from "../../bench/aws/prices.ts";
import { holds, type Bench } from "../../bench/harness.ts";
import { describeOnDynamo, freshTable, useDynamo } from "../aws/dynamodb/fixtures.ts";

const dynamo = useDynamo();

test("a state is exactly as large as it is asked for, and stays so with every change", () => {
  for (const bytes of [500, 2_000, 20_000]) {
    let state = stateOf(bytes);
    for (let i = 0; i < 50; i++) {
      expect(JSON.stringify(state)).toHaveLength(bytes);
      const changed = written(state, changeOf(state, i));
      expect(changed).not.toEqual(state);
      state = changed;
    }
  }
});

test("a price is the units at the list price, for a million", () => {
  expect(priceOf({ write: 1, read: 0 })).toBe(0.625);
  expect(priceOf({ write: 0, read: 8 })).toBe(1);
});

test("an option that the program does not have is refused", () => {
  expect(parseArguments(["--seconds", "2"], [])).toMatchObject({ seconds: 2 });
  expect(() => parseArguments(["--seconds", "2"], [], ["seconds"])).toThrow(UsageError);
  expect(() => parseArguments(["--check"], [], ["check"])).toThrow(UsageError);
});

describeOnDynamo("handlers by hand, on the emulator", () => {
  async function opened() {
    const table = freshTable(dynamo.endpoint);
    await table.open();
    const client = table.client();
    return { ...table, client, bill: meter(client) };
  }
  const key = { pk: { S: "p" }, sk: { S: "s" } };

  // DynamoDB's rules: a write unit for each KB begun, a read unit for each 4 KB begun, half of one where it may be stale.
  test("the meter adds up what DynamoDB bills, from zero after each look", async () => {
    const { client, table, bill, close } = await opened();
    const put = (bytes: number) =>
      client.send(new PutItemCommand({ TableName: table, Item: { ...key, b: { S: "x".repeat(bytes - 7) } } }));
    await put(1_024);
    expect(bill.take()).toEqual({ write: 1, read: 0 });
    await put(1_025);
    await put(9_000);
    expect(bill.take()).toEqual({ write: 2 + 9, read: 0 });
    await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }));
    await client.send(new GetItemCommand({ TableName: table, Key: key }));
    expect(bill.take()).toEqual({ write: 0, read: 3 + 1.5 });
    expect(bill.take()).toEqual({ write: 0, read: 0 });
    await close();
  });

  test("of handlers that all want the same item none loses a change", async () => {
    const { client, table, close } = await opened();
    const add = (count: number | undefined) => (count ?? 0) + 1;
    await Promise.all(Array.from({ length: 8 }, () => getAndPut({ client, table }, "hot", 1, add)));
    const Key = { pk: { S: "hot" }, sk: { S: "state" } };
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
    expect(Item).toMatchObject({ state: { S: "8" }, version: { N: "8" } });
    await close();
  });

  test("with a table of keys a command is three writes and a read, and a key that is used is refused", async () => {
    const { client, table, bill, close } = await opened();
    const handlers = { client, table, keys: table };
    await withKeyTable(handlers, "a", "k1", () => 1);
    expect(bill.take()).toEqual({ write: 3, read: 1 });
    await expect(withKeyTable(handlers, "a", "k1", () => 2)).rejects.toThrow("conditional");
    await close();
  });
});

describeOnDynamo("npm run bench:aws", () => {
  test("measures what is billed: a warm entity reads nothing, and writes its records and one snapshot in a hundred", async () => {
    // All that it asks of the program.
    const { value: local, close } = await openDynamo({ progress: () => {} } as unknown as Bench);
    const rows = await capacityOf(local, 500, 100);
    await close();
    const value = (name: string, unit: string) =>
      rows.find((row) => row.name === `0.5 KB, ${name}` && row.unit === unit)?.value;
    // The snapshot is one unit, its page of a hundred keys three.
    expect(value("warm entity", "write units")).toBe((100 + 1 + 3) / 100);
    expect(value("warm entity", "read units")).toBe(0);
    expect(value("get + put by hand, no keys", "write units")).toBe(1);
    expect(value("by hand with a table of keys", "write units")).toBe(3);
    expect(value("by hand with a table of keys", "$/million")).toBe(3 * 0.625 + 0.125);
    expect(rows.filter((row) => !holds(row))).toEqual([]);
  }, 120_000);

  test("an unknown benchmark ends with exit code 2 and says which there are", () => {
    const args = ["--conditions=holdfast-source", "bench/aws/main.ts", "nothing"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain('Unknown benchmark "nothing". Known: one, 16, hot, capacity.');
  }, 60_000);
});
