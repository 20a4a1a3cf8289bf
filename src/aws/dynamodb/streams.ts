import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { partitionOf, sortKeys } from "./names.ts";
import type { Item } from "./items.ts";
import type { Requests } from "./requests.ts";

interface StreamsRange {
  readonly tenant: string;
  readonly entity: string;
  readonly after?: string;
  readonly limit: number;
}

/**
 * Ids of an entity's streams in ascending UTF-8 order: a scan of the whole table, which is read and billed for every
 * call. For tools only. Holds no more than twice `limit` ids, and those of one page.
 */
export async function scanStreams(requests: Requests, range: StreamsRange): Promise<readonly string[]> {
  const { tenant, entity, after, limit } = range;
  const prefix = partitionOf({ tenant, entity, id: "" });
  const bound = after === undefined ? undefined : Buffer.from(after);
  let found: Buffer[] = [];
  const settle = (): void => {
    found = found.toSorted((a, b) => Buffer.compare(a, b)).slice(0, limit);
  };
  let start: Item | undefined;
  do {
    const command = new ScanCommand({
      TableName: requests.table,
      ConsistentRead: true,
      // Every stream has one first record.
      FilterExpression: "sk = :first AND begins_with(pk, :prefix)",
      ProjectionExpression: "pk",
      ExpressionAttributeValues: { ":first": { S: sortKeys.record(1) }, ":prefix": { S: prefix } },
      ...(start && { ExclusiveStartKey: start }),
    });
    const { Items = [], LastEvaluatedKey } = await requests.read((client, how) => client.send(command, how));
    for (const { pk } of Items) {
      const id = Buffer.from((pk?.S ?? "").slice(prefix.length));
      if (bound === undefined || Buffer.compare(id, bound) > 0) found.push(id);
    }
    if (found.length > 2 * limit) settle();
    start = LastEvaluatedKey;
  } while (start !== undefined);
  settle();
  return found.map(String);
}
