import { odata, type TableClient } from "@azure/data-tables";
import type { System } from "../../core/runtime/system.ts";
import { checkClient } from "./options.ts";
import { createRequests } from "./requests.ts";

/**
 * Asks once, at a start, whether the table is there and may be read: one query.
 * @throws HoldfastError `journal-unavailable` where there is none; `journal-failed`, `overloaded` (later)
 */
export async function checkTable(options: { readonly client: TableClient; readonly system: System }): Promise<void> {
  checkClient(options.client);
  await createRequests(options).page(odata`PartitionKey eq ${"$check"}`, { limit: 1 });
}
