import { decodeKeyPage, encodeKeyPage } from "../../core/journal/format.ts";
import type { KeyPage, StoredKey, StreamId } from "../../core/journal/port.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { payloadOf, textIn } from "./payload.ts";
import { query, type Requests } from "./requests.ts";
import { type Row, sequenceOf, type StoredRow } from "./rows.ts";

/** Keys in one row: at most 42 bytes each. */
const keysPerRow = 9_000;

/** A page as rows, nearly always one. `expires` is in epoch milliseconds; `removeExpired` goes by it. */
export async function pageRows(stream: StreamId, page: KeyPage): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let at = 0; at < page.keys.length; at += keysPerRow) {
    rows.push({
      partitionKey: partitionOf(stream),
      rowKey: rowKeys.page(page.sequence, rows.length),
      ...(await payloadOf("page", encodeKeyPage(page.keys.slice(at, at + keysPerRow)))),
      expires: BigInt(page.expires),
    });
  }
  return rows;
}

/** The pages of keys whose sequence lies within the bounds. */
export async function loadPages(
  requests: Requests,
  stream: StreamId,
  from: number,
  to: number,
): Promise<readonly (readonly StoredKey[])[]> {
  const pages = new Map<number, StoredKey[]>();
  const range = { from: rowKeys.page(from, 0), to: rowKeys.page(to, 999) };
  for await (const { rows } of query(requests, partitionOf(stream), range)) {
    for (const row of rows) {
      const sequence = sequenceOf(row);
      const page = pages.get(sequence) ?? [];
      pages.set(sequence, page);
      for (const key of await keysIn(row)) page.push(key);
    }
  }
  return [...pages.values()];
}

/** @throws HoldfastError `journal-corrupt` where it is not a page that was written here */
async function keysIn(row: StoredRow): Promise<readonly StoredKey[]> {
  return decodeKeyPage(await textIn(row, "page", "a page of keys"));
}
