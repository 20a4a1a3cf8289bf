import { odata } from "@azure/data-tables";
import { checkTablesOptions, type TablesOptions } from "./options.ts";
import { createRequests, inSlices, pagesOf } from "./requests.ts";
import { versionOf } from "./rows.ts";

/**
 * Removes what nobody asks for any more: pages of keys, and counts of failures. Table storage has no time-to-live; where
 * this never runs nothing is wrong, only they stay. Reads the whole table. Answers how many there were.
 * @throws HoldfastError `overloaded` (later), `journal-failed` (later), `journal-unavailable`
 */
export async function removeExpired(options: Omit<TablesOptions, "tailMax">): Promise<number> {
  checkTablesOptions(options);
  const requests = createRequests(options);
  let removed = 0;
  const filter = odata`expires lt ${options.system.now()}L`;
  for await (const { rows } of pagesOf(requests, filter, { select: ["partitionKey", "rowKey"] })) {
    await inSlices(rows, async (row) => {
      const { partitionKey = "", rowKey = "" } = row;
      // Of the version that was seen: a message may have failed once more meanwhile.
      const written = await requests.write((client, how) =>
        client.deleteEntity(partitionKey, rowKey, { ...how, etag: versionOf(row) }),
      );
      if (written.done || written.doubt) removed++;
    });
  }
  return removed;
}
