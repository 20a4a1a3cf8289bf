import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { readAndWrite, type Change } from "../cloud/optimistic.ts";

/** Handlers as they are written without a framework: the state is one item, and its version is the lock. */
export interface ByHand {
  readonly client: DynamoDBClient;
  readonly table: string;
}

/** Gets the state, changes it, and puts it if nobody was faster (`readAndWrite`). */
export function getAndPut<State>(
  { client, table }: ByHand,
  id: string,
  baseMs: number,
  change: Change<State>,
): Promise<void> {
  const key = { pk: { S: id }, sk: { S: "state" } };
  return readAndWrite<State, number>(
    {
      async read() {
        const { Item: item } = await client.send(
          new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }),
        );
        if (item?.["state"]?.S === undefined) return undefined;
        // What `write` has put there.
        return { state: JSON.parse(item["state"].S) as State, version: Number(item["version"]?.N) };
      },
      async write(state, version) {
        const put = new PutItemCommand({
          TableName: table,
          Item: { ...key, version: { N: String((version ?? 0) + 1) }, state: { S: JSON.stringify(state) } },
          ...(version === undefined
            ? { ConditionExpression: "attribute_not_exists(pk)" }
            : {
                ConditionExpression: "version = :seen",
                ExpressionAttributeValues: { ":seen": { N: String(version) } },
              }),
        });
        try {
          await client.send(put);
          return true;
        } catch (error) {
          if (error instanceof ConditionalCheckFailedException) return false;
          throw error;
        }
      },
    },
    baseMs,
    change,
  );
}

/**
 * The same between two writes to an idempotency table: "in progress", if the key is new or what it says is out of date,
 * and then the answer. Not atomic: where the process dies between the put and the answer the command may run again.
 * Source: docs.aws.amazon.com/powertools/typescript/latest/features/idempotency (DynamoDB persistence layer)
 */
export async function withKeyTable<State>(
  { keys, ...states }: ByHand & { readonly keys: string },
  id: string,
  key: string,
  change: Change<State>,
): Promise<void> {
  const { client } = states;
  const now = Date.now();
  const seconds = Math.floor(now / 1_000);
  const Key = { pk: { S: `write#${key}` }, sk: { S: "key" } };
  const begin = new PutItemCommand({
    TableName: keys,
    Item: {
      ...Key,
      status: { S: "INPROGRESS" },
      expiration: { N: String(seconds + 24 * 3_600) },
      in_progress_expiration: { N: String(now + 30_000) },
    },
    ConditionExpression:
      "attribute_not_exists(pk) OR expiration < :seconds OR (#status = :begun AND in_progress_expiration < :now)",
    ExpressionAttributeNames: { "#status": "status" },
    ExpressionAttributeValues: {
      ":seconds": { N: String(seconds) },
      ":now": { N: String(now) },
      ":begun": { S: "INPROGRESS" },
    },
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  });
  const end = new UpdateItemCommand({
    TableName: keys,
    Key,
    UpdateExpression: "SET #status = :done, expiration = :expiration, #data = :data",
    ExpressionAttributeNames: { "#status": "status", "#data": "data" },
    ExpressionAttributeValues: {
      ":done": { S: "COMPLETED" },
      ":expiration": { N: String(seconds + 24 * 3_600) },
      ":data": { S: '{"ok":true}' },
    },
  });
  await client.send(begin);
  await getAndPut(states, id, 25, change);
  await client.send(end);
}
