import { randomUUID } from "node:crypto";
import { createRuntime, type Append, type Journal, type Snapshot, type StreamId } from "holdfast";
import app from "../examples/shop/app.ts";
import { system } from "./journal.ts";
import { addItem, itemOf, cartsCount, opaqueKey } from "./workload.ts";

type SavedKeys = Parameters<Journal["saveSnapshot"]>[2];

/** All that was written for one cart, in order: an append, or the snapshot that follows it. */
type Write = { readonly append: Append } | { readonly snapshot: Snapshot; readonly keys: SavedKeys };

/**
 * Fills a journal fast: one cart is made by Holdfast, `commands` commands one after the other, and its writes are
 * repeated for the others with ids and keys of their own. What is stored looks as if every cart had been used.
 */
export async function fill(
  journal: Journal,
  carts: { readonly count: number; readonly commands: number; readonly id: (index: number) => string },
): Promise<void> {
  const template = await record(journal, carts.id(0), carts.commands);
  // A few carts at a time: the journal stores what is pending together in one transaction.
  const width = Math.max(1, Math.floor(1_000 / carts.commands));
  for (let from = 1; from < carts.count; from += width) {
    const writes: Promise<unknown>[] = [];
    for (let i = from; i < Math.min(from + width, carts.count); i++) {
      const stream: StreamId = { tenant: "default", entity: "cart", id: carts.id(i) };
      for (const write of copyOf(template, stream)) {
        if ("append" in write) writes.push(journal.append(write.append));
        else writes.push(journal.saveSnapshot(stream, write.snapshot, write.keys));
      }
    }
    const results = await Promise.all(writes);
    if (results.some((result) => result !== undefined && result !== "stored")) throw new Error("A copy was refused.");
  }
}

/** Runs the commands on one cart and keeps what they write. */
async function record(journal: Journal, id: string, commands: number): Promise<readonly Write[]> {
  const writes: Write[] = [];
  const recorder: Journal = {
    ...journal,
    append(append) {
      writes.push({ append });
      return journal.append(append);
    },
    saveSnapshot(stream, snapshot, keys) {
      writes.push({ snapshot, keys });
      return journal.saveSnapshot(stream, snapshot, keys);
    },
  };
  const runtime = createRuntime(app, { journal: recorder, system });
  for (let i = 0; i < commands; i++) await addItem(runtime, id, opaqueKey(), itemOf(i * cartsCount));
  await runtime.close();
  return writes;
}

/** The writes with ids and key hashes that no other cart has. */
function* copyOf(template: readonly Write[], stream: StreamId): Generator<Write> {
  const renamed = new Map<string, string>();
  const rename = (text: string): string => {
    const other = renamed.get(text) ?? randomText(text.length);
    renamed.set(text, other);
    return other;
  };
  let previous = "";
  let last = "";
  for (const write of template) {
    if ("append" in write) {
      const { record } = write.append;
      const id = rename(record.id);
      let entries = record.entries.replace(record.id, id);
      for (const { key } of JSON.parse(entries) as readonly { readonly key: string }[]) {
        entries = entries.replace(key, rename(key));
      }
      yield { append: { stream, record: { ...record, id, previous, entries } } };
      previous = id;
      last = record.id;
      continue;
    }
    const { snapshot, keys } = write;
    const page = keys?.page && {
      ...keys.page,
      keys: keys.page.keys.map(([hash, sequence]) => [rename(hash), sequence] as const),
    };
    yield { snapshot: { ...snapshot, body: snapshot.body.replace(last, rename(last)) }, keys: page && { page } };
  }
}

/** Node makes UUIDs from a pool: an eighth of the time of `randomBytes`. */
function randomText(length: number): string {
  return randomUUID().replaceAll("-", "").slice(0, length);
}
