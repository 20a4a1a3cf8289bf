import { DeleteItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import type { StreamId } from "../../core/journal/port.ts";
import { isConditionFailed } from "./conditions.ts";
import { isHead, type Item } from "./items.ts";
import { keyOf, sortKeys } from "./names.ts";
import { query, type Requests } from "./requests.ts";

/** Requests of one erasure under way at a time. */
const concurrency = 16;

/**
 * Blanks the records before the tombstone, removes pages of keys, and every part of a snapshot that is not the stored
 * one's: also parts that a writer left which died before it had removed them. Every step may be repeated.
 */
export async function erase(requests: Requests, stream: StreamId, tombstone: number): Promise<void> {
  const blank = async ({ sk }: Item): Promise<void> => {
    const command = new UpdateItemCommand({
      TableName: requests.table,
      Key: keyOf(stream, sk?.S ?? ""),
      UpdateExpression: "SET entries = :blank",
      ConditionExpression: "attribute_exists(pk)",
      ExpressionAttributeValues: { ":blank": { S: "[]" } },
    });
    try {
      await requests.write((client, how) => client.send(command, how));
    } catch (error) {
      // Somebody has removed the record by hand: there is nothing left to blank.
      if (!isConditionFailed(error)) throw error;
    }
  };
  const remove = async ({ sk }: Item): Promise<void> => {
    const command = new DeleteItemCommand({ TableName: requests.table, Key: keyOf(stream, sk?.S ?? "") });
    await requests.write((client, how) => client.send(command, how));
  };

  const records = { from: sortKeys.record(1), to: sortKeys.record(tombstone - 1) };
  const unblanked = {
    ProjectionExpression: "sk",
    FilterExpression: "entries <> :blank",
    ExpressionAttributeValues: { ":blank": { S: "[]" } },
  };
  for await (const { items } of query(requests, stream, records, unblanked)) await inSlices(items, blank);

  const pages = { from: "k", to: sortKeys.end("k") };
  for await (const { items } of query(requests, stream, pages, { ProjectionExpression: "sk" })) {
    await inSlices(items, remove);
  }

  const snapshot = { from: sortKeys.snapshot, to: sortKeys.end(sortKeys.snapshot) };
  let standing: string | undefined;
  for await (const { items } of query(requests, stream, snapshot, { ProjectionExpression: "sk, generation" })) {
    for (const item of items) if (isHead(item)) standing = item["generation"]?.S;
    const kept = standing === undefined ? undefined : sortKeys.part(standing, 0).slice(0, -3);
    const stale = items.filter((item) => !isHead(item) && !(kept !== undefined && item["sk"]?.S?.startsWith(kept)));
    await inSlices(stale, remove);
  }
}

/** Works on some at a time; begins no more after one has failed. */
export async function inSlices<One>(items: readonly One[], work: (item: One) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += concurrency) {
    await Promise.all(items.slice(at, at + concurrency).map(work));
  }
}
