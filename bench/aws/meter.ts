import type { ConsumedCapacity, DynamoDBClient } from "@aws-sdk/client-dynamodb";

/** What requests were billed, in request units. */
export interface Units {
  readonly write: number;
  readonly read: number;
}

export interface Meter {
  /** The units of the requests that were answered since the last call. */
  take(): Units;
}

const reads: ReadonlySet<string> = new Set(["GetItemCommand", "QueryCommand"]);
const writes: ReadonlySet<string> = new Set([
  "PutItemCommand",
  "UpdateItemCommand",
  "DeleteItemCommand",
  "TransactWriteItemsCommand",
]);

/**
 * Asks DynamoDB for the bill of each request of the client (`ReturnConsumedCapacity`), and adds them up. A condition that
 * fails is billed as well, but no answer says so: what is measured must have none.
 * @throws Error (in the client's `send`) for a request that it does not know, or an answer without a bill
 */
export function meter(client: DynamoDBClient): Meter {
  let [write, read] = [0, 0];
  client.middlewareStack.add(
    (next, { commandName = "?" }) =>
      async (args) => {
        const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: "TOTAL" } });
        // Every output of these requests has it, one or a list; the middleware's type knows of outputs in general only.
        const { ConsumedCapacity: bill } = result.output as {
          readonly ConsumedCapacity?: ConsumedCapacity | readonly ConsumedCapacity[];
        };
        for (const { CapacityUnits: units } of bill === undefined ? [{}] : [bill].flat()) {
          if (units === undefined) throw new Error(`DynamoDB has not said what ${commandName} costs.`);
          if (writes.has(commandName)) write += units;
          else if (reads.has(commandName)) read += units;
          else throw new Error(`Nobody knows whether ${commandName} reads or writes.`);
        }
        return result;
      },
    { step: "initialize", name: "benchMeter" },
  );
  return {
    take() {
      const units = { write, read };
      [write, read] = [0, 0];
      return units;
    },
  };
}
