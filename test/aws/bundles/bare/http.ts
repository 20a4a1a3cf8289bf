import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { schemas } from "./schemas.ts";

// What a handler without a framework loads: the SDK's client, three of its commands, and the app's schemas. Never invoked.

const client = new DynamoDBClient();
const table = { TableName: process.env["HOLDFAST_TABLE"] };

interface Event {
  readonly id: string;
  readonly kind: keyof typeof schemas;
  readonly body?: string;
}

export async function handler({ id, kind, body }: Event): Promise<unknown> {
  const pk = { S: id };
  if (body !== undefined) {
    const data = { S: JSON.stringify(schemas[kind].parse(JSON.parse(body))) };
    return client.send(new PutItemCommand({ ...table, Item: { pk, sk: { S: kind }, data } }));
  }
  const { Item } = await client.send(new GetItemCommand({ ...table, Key: { pk, sk: { S: kind } } }));
  return Item ?? client.send(new QueryCommand({ ...table, KeyConditionExpression: "pk = :pk" }));
}
