import type { DynamoDBClient, QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { QueryCommand } from "@aws-sdk/client-dynamodb";
import type { StreamId } from "../../core/journal/port.ts";
import { isConditionFailed } from "./conditions.ts";
import { isDefinite, translated } from "./errors.ts";
import type { Item } from "./items.ts";
import { partitionOf } from "./names.ts";
import type { DynamoOptions } from "./options.ts";

/** Sends with the client under a signal that ends the request when its time is over. */
type Send<Output> = (client: DynamoDBClient, how: { readonly abortSignal: AbortSignal }) => Promise<Output>;

export interface Requests {
  readonly table: string;
  /** As the SDK throws it. */
  raw<Output>(send: Send<Output>): Promise<Output>;
  /** @throws HoldfastError (`translated`) */
  read<Output>(send: Send<Output>): Promise<Output>;
  /** @throws HoldfastError (`translated`), and a condition that failed as the SDK throws it */
  write<Output>(send: Send<Output>): Promise<Output>;
}

/** Requests to the table, each bounded in time; errors are translated here and in `append` alone. */
export function createRequests({ client, table, system, requestTimeoutMs = 10_000 }: DynamoOptions): Requests {
  async function raw<Output>(send: Send<Output>): Promise<Output> {
    const controller = new AbortController();
    const cancel = system.after(requestTimeoutMs, () => controller.abort());
    try {
      return await send(client, { abortSignal: controller.signal });
    } finally {
      cancel();
    }
  }
  return {
    table,
    raw,
    async read(send) {
      try {
        return await raw(send);
      } catch (error) {
        throw translated(error, table, false);
      }
    },
    async write(send) {
      try {
        return await raw(send);
      } catch (error) {
        throw isConditionFailed(error) ? error : translated(error, table, true);
      }
    },
  };
}

/** A range of sort keys of one stream, both ends included. */
export interface Range {
  readonly from: string;
  readonly to: string;
  /** Newest first. Default: oldest first. */
  readonly descending?: boolean;
  /** Items of one page. Default: as many as fit into DynamoDB's 1 MB. */
  readonly limit?: number;
}

export interface Page {
  readonly items: readonly Item[];
  /** Whether the range may have more behind it. */
  readonly more: boolean;
}

/** The pages of a strongly consistent query, each when it is asked for: one request and one bill per page. */
export function query(
  requests: Requests,
  stream: StreamId,
  range: Range,
  more: Partial<QueryCommandInput> = {},
): AsyncGenerator<Page, void, undefined> {
  return queryPartition(requests, partitionOf(stream), range, more);
}

/** The same of a partition that is no stream. */
export async function* queryPartition(
  requests: Requests,
  partition: string,
  { from, to, descending = false, limit }: Range,
  more: Partial<QueryCommandInput> = {},
): AsyncGenerator<Page, void, undefined> {
  // DynamoDB refuses an empty range.
  if (from > to) return;
  let start: Item | undefined;
  do {
    const input: QueryCommandInput = {
      TableName: requests.table,
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk AND sk BETWEEN :from AND :to",
      ScanIndexForward: !descending,
      ...more,
      ExpressionAttributeValues: {
        ":pk": { S: partition },
        ":from": { S: from },
        ":to": { S: to },
        ...more.ExpressionAttributeValues,
      },
      ...(limit !== undefined && { Limit: limit }),
      ...(start && { ExclusiveStartKey: start }),
    };
    const { Items = [], LastEvaluatedKey } = await requests.read((client, how) =>
      client.send(new QueryCommand(input), how),
    );
    start = LastEvaluatedKey;
    yield { items: Items, more: start !== undefined };
  } while (start !== undefined);
}

/** A command whose attempts can be watched: every command of the SDK. */
interface Watchable {
  readonly middlewareStack: {
    add(
      middleware: <Args, Result>(next: (args: Args) => Promise<Result>) => (args: Args) => Promise<Result>,
      options: { readonly step: "deserialize"; readonly priority: "high"; readonly name: string },
    ): void;
  };
}

/**
 * Tells of a command whether one of its attempts ended so that nobody knows what it did. The SDK retries by itself and
 * throws the last attempt's error only: "throttled" may follow a write that landed.
 */
export function watchAttempts(command: Watchable): { inDoubt(): boolean } {
  let doubt = false;
  command.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        doubt ||= !isDefinite(error);
        throw error;
      }
    },
    { step: "deserialize", priority: "high", name: "holdfastAttempts" },
  );
  return { inDoubt: () => doubt };
}
