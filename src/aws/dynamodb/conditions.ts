import type { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { PutItemCommand, type PutItemCommandInput } from "@aws-sdk/client-dynamodb";
import type { Item } from "./items.ts";
import type { Requests } from "./requests.ts";

/**
 * Of a write whose condition failed, the item that stands there; `absent` where the store does not say which, or it is
 * not there. Undefined: it failed for another reason. Errors go by name: the client may be of another copy of the SDK.
 */
export function failedItem(error: unknown): Item | "absent" | undefined {
  if (isConditionFailed(error)) return error.Item ?? "absent";
  const cause = error instanceof Error ? error.cause : undefined;
  if (!isCanceled(cause)) return undefined;
  const reason = cause.CancellationReasons?.find(({ Code }) => Code === "ConditionalCheckFailed");
  return reason && (reason.Item ?? "absent");
}

/** Puts an item that is of a time, or a place, which the attribute holds; one that is there and not of an earlier one stays. */
export function unlessLater(table: string, item: Item, attribute: string): PutItemCommandInput {
  return {
    TableName: table,
    Item: item,
    ConditionExpression: "attribute_not_exists(pk) OR #at < :at",
    ExpressionAttributeNames: { "#at": attribute },
    ExpressionAttributeValues: { ":at": item[attribute] ?? { N: "0" } },
  };
}

/** Does it; where a later one is there, that is as good. */
export async function putUnlessLater(requests: Requests, item: Item, attribute: string): Promise<void> {
  const command = new PutItemCommand(unlessLater(requests.table, item, attribute));
  try {
    await requests.write((client, how) => client.send(command, how));
  } catch (error) {
    if (!isConditionFailed(error)) throw error;
  }
}

export function isConditionFailed(error: unknown): error is ConditionalCheckFailedException {
  return error instanceof Error && error.name === "ConditionalCheckFailedException";
}

function isCanceled(error: unknown): error is TransactionCanceledException {
  return error instanceof Error && error.name === "TransactionCanceledException";
}
