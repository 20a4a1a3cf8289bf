import { HoldfastError } from "../../core/errors.ts";
import { put, type Requests } from "./requests.ts";
import type { Row, StoredRow } from "./rows.ts";

/** Writers of one row that may be in each other's way before one gives up. */
const attemptsMax = 64;

/** Puts a row that is of a time, or a place; one that is there and not of an earlier one stays. */
export async function putUnlessLater(
  requests: Requests,
  row: Row,
  isEarlier: (found: StoredRow) => boolean,
): Promise<void> {
  await untilDone(async () => {
    const found = await requests.get(row.partitionKey, row.rowKey);
    return (found !== undefined && !isEarlier(found)) || (await put(requests, { row, seen: found })).done;
  });
}

/** Repeats a look and a write that rests on it, until nobody was in between. @throws HoldfastError `overloaded` (later) */
export async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < attemptsMax; n++) if (await attempt()) return;
  throw new HoldfastError("overloaded", "Too many writers are in each other's way at one row of the table.", {
    retry: "later",
    retryAfterMs: 1_000,
  });
}
