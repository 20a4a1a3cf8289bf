import type { CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { HoldfastError } from "../../core/errors.ts";
import { translated } from "./errors.ts";
import { checkTableName } from "./options.ts";
import { keySchemaText } from "./schema.ts";

/**
 * The journal's table, as `CreateTableCommand` takes it: on demand, without indexes. Time-to-live is switched on by a
 * request of its own, on the attribute `expires`; without it nothing is wrong, only old pages of keys stay.
 * @throws HoldfastError `invalid-options`
 */
export function tableInput(table: string): CreateTableCommandInput {
  checkTableName(table);
  return {
    TableName: table,
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    BillingMode: "PAY_PER_REQUEST",
  };
}

/**
 * Asks once, at a start, whether the table is there and has the right keys (`dynamodb:DescribeTable`).
 * @throws HoldfastError `journal-unavailable` with what was expected; `journal-failed`, `overloaded` (later)
 */
export async function checkTable(options: { readonly client: DynamoDBClient; readonly table: string }): Promise<void> {
  const { client, table } = options;
  checkTableName(table);
  const description = await describe(client, table);
  const types = new Map(description?.AttributeDefinitions?.map((each) => [each.AttributeName, each.AttributeType]));
  const found = (description?.KeySchema ?? []).map(
    ({ AttributeName: name, KeyType }) => `${KeyType} ${name} (${types.get(name)})`,
  );
  if (found.toSorted().join(", ") === "HASH pk (S), RANGE sk (S)") return;
  throw new HoldfastError(
    "journal-unavailable",
    `Table "${table}" has the keys ${found.join(", ")}. Create one ${keySchemaText}.`,
  );
}

async function describe(client: DynamoDBClient, table: string) {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
  } catch (error) {
    throw translated(error, table, false);
  }
}
