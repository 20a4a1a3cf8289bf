import type { Committed } from "../../core/broker/outbox.ts";

/** Joins pages, in their order, until they have so many records: for a store that gives those of each stream by themselves. */
export async function* joined(
  pages: AsyncIterable<readonly Committed[]>,
  records: number,
): AsyncGenerator<readonly Committed[], void, undefined> {
  let page: Committed[] = [];
  for await (const some of pages) {
    page.push(...some);
    if (page.length < records) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
