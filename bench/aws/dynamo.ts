import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { startDynamo } from "@holdfast/dynamodb-emulator";
import { createSystem, type System } from "holdfast";
import { tableInput } from "holdfast/aws/dynamodb";
import type { Bench, Shared } from "../harness.ts";

export const system: System = createSystem();

/** A DynamoDB in a process of its own, for all sides of all benchmarks of a run. */
export interface Dynamo {
  /** A client with the SDK's own settings; each side has one, so that nobody waits for another's connections. */
  client(): DynamoDBClient;
  /** Makes a table with the journal's keys, which serve the hand-written handlers as well. */
  table(name: string): Promise<string>;
}

export async function openDynamo(bench: Bench): Promise<Shared<Dynamo>> {
  bench.progress("the DynamoDB emulator");
  const { endpoint, stop } = await startDynamo();
  const clients: DynamoDBClient[] = [];
  const client = (): DynamoDBClient => {
    const created = new DynamoDBClient({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
    });
    clients.push(created);
    return created;
  };
  return {
    value: {
      client,
      async table(name) {
        await client().send(new CreateTableCommand(tableInput(name)));
        return name;
      },
    },
    async close() {
      for (const each of clients) each.destroy();
      await stop();
    },
  };
}
