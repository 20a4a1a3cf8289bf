import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createSystem } from "holdfast";
import { createDynamoFailures, scanRecords } from "holdfast/aws/dynamodb";
import type { State } from "../observed.ts";
import type { Deployed } from "./messages.ts";
import { waitingIn } from "./queues.ts";

/** Reads table and queues from outside, by their own addresses. */
export interface StateReader {
  read(): Promise<State>;
  close(): void;
}

export function openState({ emulators: { dynamo, messages }, environment, table, queues }: Deployed): StateReader {
  const client = new DynamoDBClient({
    region: environment["AWS_REGION"] ?? "",
    endpoint: dynamo,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const options = { client, table, system: createSystem() };
  const failures = createDynamoFailures(options);
  return {
    async read() {
      // First: what is handled in between is seen in the table.
      const waiting = await waitingIn(messages, queues);
      const records: State["records"][number][] = [];
      for await (const page of scanRecords(options)) records.push(...page);
      return { records, dead: await failures.dead({ limit: 100_000 }), waiting };
    },
    close: () => client.destroy(),
  };
}
