import { readFileSync } from "node:fs";
import { type AttributeValue, paginateScan, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { expect, test } from "vitest";
import { cart, describeOnDynamo, freshTable, recordAt, snapshotAt, useDynamo } from "./fixtures.ts";

const dynamo = useDynamo();

type Written = Readonly<Record<string, Readonly<Record<"S" | "N" | "B", string>>>>;

/** Items as they were written by the first version: never changed, only added to. Bytes are base64. */
const golden = JSON.parse(readFileSync(new URL("golden/items-1.json", import.meta.url), "utf8")) as Readonly<
  Record<"record" | "snapshot" | "page" | "deflated" | "inParts" | "part0" | "part1", Written>
>;

const snapshot = { ...snapshotAt(1), revision: 3, horizon: { foreign: 5, derived: 7 } };
const keys = [["ZZZZZZZZZZZZZZZZZZk-1_", 1]] as const;

function itemOf(written: Written): Record<string, AttributeValue> {
  const attributes = Object.entries(written).map(([name, value]) => [
    name,
    value.B === undefined ? value : { B: Buffer.from(value.B, "base64") },
  ]);
  // Every value is one of the three kinds.
  return Object.fromEntries(attributes) as Record<string, AttributeValue>;
}

describeOnDynamo("items of the first version", () => {
  test("are read", async () => {
    const table = freshTable(dynamo.endpoint);
    const journal = await table.open();
    const client = table.client();
    for (const written of Object.values(golden)) {
      await client.send(new PutItemCommand({ TableName: table.table, Item: itemOf(written) }));
    }
    expect(await journal.record(cart, 1)).toEqual(recordAt(1));
    expect(await journal.load(cart)).toEqual({ snapshot, records: [] });
    const body = '{"state":"abcdefghijklo"}';
    for (const id of ["c2", "c3"]) {
      expect(await journal.load({ ...cart, id })).toEqual({ snapshot: { ...snapshot, body }, records: [] });
    }
    if (journal.keys.kind !== "pages") throw new Error("it keeps pages");
    expect(await journal.keys.load(cart, 1, 1)).toEqual([keys]);
    await table.close();
  });

  test("are what is written", async () => {
    const table = freshTable(dynamo.endpoint);
    const journal = await table.open();
    await journal.append({ stream: cart, record: recordAt(1) });
    await journal.saveSnapshot(cart, snapshot, {
      page: { from: 1, sequence: 1, expires: 4_102_444_800_001, keys },
    });
    const found: unknown[] = [];
    const client = table.client();
    for await (const { Items = [] } of paginateScan({ client }, { TableName: table.table })) found.push(...Items);
    expect(found).toEqual([golden.page, golden.record, golden.snapshot]);
    await table.close();
  });
});
