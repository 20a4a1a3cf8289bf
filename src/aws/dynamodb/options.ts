import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";

export interface DynamoOptions {
  /** A ready client: region, credentials, retries and connections are its affair. Whoever made it closes it. */
  readonly client: DynamoDBClient;
  /** The table's name, or its ARN: 3 characters or more. Its keys: `tableInput`. */
  readonly table: string;
  readonly system: System;
  /**
   * How long one request may take, the SDK's own retries included. Default 10,000. Past it a read is refused with
   * `overloaded`, and the outcome of an append is unknown.
   */
  readonly requestTimeoutMs?: number;
  /**
   * Records that a cold load reads in its first query, 1 to 10,000. Default 100, which is how many there are between two
   * snapshots (`snapshotEvery`), so that there is no second one; fewer read less of what the snapshot covers already.
   */
  readonly tailMax?: number;
}

const known: ReadonlySet<string> = new Set(["client", "table", "system", "requestTimeoutMs", "tailMax"]);

/** @throws HoldfastError `invalid-options` */
export function checkDynamoOptions(options: DynamoOptions): void {
  for (const key of Object.keys(options)) {
    if (known.has(key)) continue;
    throw new HoldfastError(
      "invalid-options",
      `Unknown option "${key}" of the journal on DynamoDB. Known: ${[...known].join(", ")}.`,
    );
  }
  const { client, table, requestTimeoutMs = 1, tailMax = 1 } = options;
  if (typeof client?.send !== "function") {
    throw new HoldfastError("invalid-options", "client has to be a DynamoDBClient of @aws-sdk/client-dynamodb.");
  }
  checkTableName(table);
  checkWhole("requestTimeoutMs", requestTimeoutMs, 900_000);
  checkWhole("tailMax", tailMax, 10_000);
}

/**
 * Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (3 to 255 characters; an ARN has 1,024).
 * @throws HoldfastError `invalid-options`
 */
export function checkTableName(table: string): void {
  if (typeof table === "string" && /^(?:[A-Za-z0-9_.-]{3,255}|arn:[\w:/.-]{1,1020})$/.test(table)) return;
  throw new HoldfastError(
    "invalid-options",
    `table is ${JSON.stringify(table)}; it has to be a name of 3 to 255 characters of [A-Za-z0-9_.-], or a table's ARN.`,
  );
}

function checkWhole(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new HoldfastError(
    "invalid-options",
    `${name} is ${String(value)}; it must be a whole number from 1 to ${max}.`,
  );
}
