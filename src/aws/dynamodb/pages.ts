import { decodeKeyPage, encodeKeyPage } from "../../core/journal/format.ts";
import type { KeyPage, StoredKey, StreamId } from "../../core/journal/port.ts";
import { damaged, type Item } from "./items.ts";
import { keyOf, sortKeys } from "./names.ts";

/** Keys in one item: at most 42 bytes each, under the 400 KB of an item. */
const keysPerItem = 9_000;

/** A page as items, nearly always one. `expires` is the table's time-to-live, in epoch seconds. */
export function pageItems(stream: StreamId, page: KeyPage): readonly Item[] {
  const items: Item[] = [];
  for (let at = 0; at < page.keys.length; at += keysPerItem) {
    items.push({
      ...keyOf(stream, sortKeys.page(page.sequence, items.length)),
      page: { S: encodeKeyPage(page.keys.slice(at, at + keysPerItem)) },
      expires: { N: String(Math.ceil(page.expires / 1_000)) },
    });
  }
  return items;
}

/** @throws HoldfastError `journal-corrupt` where it is not a page that was written here */
export function keysOf({ page }: Item): readonly StoredKey[] {
  if (page?.S === undefined) throw damaged("a page of keys");
  return decodeKeyPage(page.S);
}
