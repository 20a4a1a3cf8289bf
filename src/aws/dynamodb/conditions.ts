import type { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import type { Item } from "./items.ts";

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

export function isConditionFailed(error: unknown): error is ConditionalCheckFailedException {
  return error instanceof Error && error.name === "ConditionalCheckFailedException";
}

function isCanceled(error: unknown): error is TransactionCanceledException {
  return error instanceof Error && error.name === "TransactionCanceledException";
}
