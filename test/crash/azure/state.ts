import { TableClient } from "@azure/data-tables";
import { createSystem } from "holdfast";
import { createTablesFailures, scanRecords } from "holdfast/azure/tables";
import type { State } from "../observed.ts";
import type { Deployed } from "./messages.ts";

/** Reads the table from outside, by its own address, and what the broker holds. */
export function openState({ environment }: Deployed, waiting: () => Promise<readonly string[]>): () => Promise<State> {
  const client = TableClient.fromConnectionString(
    environment["HOLDFAST_TABLE_CONNECTION"] ?? "",
    environment["HOLDFAST_TABLE"] ?? "",
    { allowInsecureConnection: true },
  );
  const options = { client, system: createSystem() };
  const failures = createTablesFailures(options);
  return async () => {
    // First: what is handled in between is seen in the table.
    const left = await waiting();
    const records: State["records"][number][] = [];
    for await (const page of scanRecords(options)) records.push(...page);
    return { records, dead: await failures.dead({ limit: 100_000 }), waiting: left };
  };
}
