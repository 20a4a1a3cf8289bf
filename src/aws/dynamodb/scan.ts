import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { HoldfastError } from "../../core/errors.ts";
import type { StoredRecord, StreamId } from "../../core/journal/port.ts";
import { type Item, recordOf } from "./items.ts";
import { checkDynamoOptions, type DynamoOptions } from "./options.ts";
import { createRequests } from "./requests.ts";

export interface RecordsRange {
  readonly tenant?: string | undefined;
  readonly entity?: string | undefined;
  /** Committed at that time or later, epoch milliseconds. */
  readonly since?: number | undefined;
}

/**
 * All records of the table, in pages (some may be empty): stream after stream in no particular order, each stream's in its
 * own. Reads, and has billed, the whole table, whatever the range. For tools only.
 * @throws HoldfastError `journal-corrupt`, `overloaded` (later), `journal-failed` (later), `journal-unavailable`
 */
export async function* scanRecords(
  options: Omit<DynamoOptions, "tailMax">,
  { tenant, entity, since }: RecordsRange = {},
): AsyncGenerator<readonly { readonly stream: StreamId; readonly record: StoredRecord }[], void, undefined> {
  checkDynamoOptions(options);
  const requests = createRequests(options);
  const conditions = ["begins_with(sk, :record)"];
  const values: Item = { ":record": { S: "r" } };
  if (tenant !== undefined) {
    conditions.push("begins_with(pk, :prefix)");
    values[":prefix"] = { S: entity === undefined ? `${tenant}/` : `${tenant}/${entity}/` };
  }
  if (since !== undefined) {
    conditions.push("#time >= :since");
    values[":since"] = { N: String(since) };
  }
  let start: Item | undefined;
  let last: { readonly pk: string; readonly sequence: number } | undefined;
  do {
    const command = new ScanCommand({
      TableName: requests.table,
      ConsistentRead: true,
      FilterExpression: conditions.join(" AND "),
      ExpressionAttributeValues: values,
      ...(since !== undefined && { ExpressionAttributeNames: { "#time": "time" } }),
      ...(start && { ExclusiveStartKey: start }),
    });
    const { Items = [], LastEvaluatedKey } = await requests.read((client, how) => client.send(command, how));
    const page: { readonly stream: StreamId; readonly record: StoredRecord }[] = [];
    for (const item of Items) {
      const pk = item["pk"]?.S ?? "";
      const stream = streamOf(pk);
      if (stream === undefined || (entity !== undefined && stream.entity !== entity)) continue;
      const record = recordOf(item);
      if (last?.pk === pk && record.sequence <= last.sequence) throw outOfOrder(pk);
      last = { pk, sequence: record.sequence };
      page.push({ stream, record });
    }
    start = LastEvaluatedKey;
    yield page;
  } while (start !== undefined);
}

/** Undefined for what is no stream's: failures and dead letters. */
function streamOf(pk: string): StreamId | undefined {
  const [, tenant, entity, id] = /^([^$/][^/]*)\/([^/]+)\/(.+)$/s.exec(pk) ?? [];
  return tenant === undefined || entity === undefined || id === undefined ? undefined : { tenant, entity, id };
}

/** DynamoDB stores items of a partition in the order of their sort keys, and scans them so. */
function outOfOrder(pk: string): HoldfastError {
  return new HoldfastError("journal-failed", `The scan of the table has lost the order of "${pk}"; run it again.`, {
    retry: "later",
  });
}
