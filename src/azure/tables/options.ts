import type { TableClient } from "@azure/data-tables";
import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";

export interface TablesOptions {
  /**
   * A ready client of the table: account, credentials and retries are its affair. A policy that counts attempts is added to
   * its pipeline.
   */
  readonly client: TableClient;
  readonly system: System;
  /**
   * How long one request may take, the SDK's own retries included. Default 10,000. Past it a read is refused with
   * `overloaded`, and the outcome of an append is unknown.
   */
  readonly requestTimeoutMs?: number;
  /**
   * Records behind the snapshot that a cold load finds in its first query, 1 to 998. Default 100, which is how many there
   * are between two snapshots (`snapshotEvery`), so that there is no second one; fewer read less of what the snapshot
   * covers already.
   */
  readonly tailMax?: number;
}

const known: ReadonlySet<string> = new Set(["client", "system", "requestTimeoutMs", "tailMax"]);

/** @throws HoldfastError `invalid-options` */
export function checkTablesOptions(options: TablesOptions, requestTimeoutMsMax: number = 900_000): void {
  for (const key of Object.keys(options)) {
    if (known.has(key)) continue;
    throw new HoldfastError(
      "invalid-options",
      `Unknown option "${key}" of the journal on Table storage. Known: ${[...known].join(", ")}.`,
    );
  }
  const { client, requestTimeoutMs = 1, tailMax = 1 } = options;
  checkClient(client);
  checkWhole("requestTimeoutMs", requestTimeoutMs, requestTimeoutMsMax);
  // A page of a query has 1,000 rows: these, the snapshot, and how far the stream is published.
  checkWhole("tailMax", tailMax, 998);
}

/**
 * Source: learn.microsoft.com/azure/cosmos-db/table/faq (Cosmos DB for Table does not sort by key), and
 * learn.microsoft.com/azure/storage/common/geo-redundant-design (a secondary endpoint lags behind).
 * @throws HoldfastError `invalid-options`
 */
export function checkClient(client: TableClient): void {
  if (typeof client?.createEntity !== "function" || typeof client.pipeline?.addPolicy !== "function") {
    throw new HoldfastError("invalid-options", "client has to be a TableClient of @azure/data-tables.");
  }
  if (/^https:\/\/[^/]*\.cosmos\.|^https:\/\/[^/]*\.cosmosdb\./.test(client.url)) {
    throw new HoldfastError(
      "invalid-options",
      `client is one of Cosmos DB for Table (${hostOf(client.url)}), which does not sort rows by their keys. Use a table of a storage account.`,
    );
  }
  if (/^https:\/\/[^./]*-secondary\./.test(client.url)) {
    throw new HoldfastError(
      "invalid-options",
      `client reads from a secondary endpoint (${hostOf(client.url)}), which lags behind. Use the account's primary one.`,
    );
  }
}

/** Without the path and the query: a shared access signature may be in it. */
function hostOf(url: string): string {
  return url.split(/[/?#]/)[2] ?? "";
}

function checkWhole(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new HoldfastError(
    "invalid-options",
    `${name} is ${String(value)}; it must be a whole number from 1 to ${max}.`,
  );
}
