import type { Journal, StreamId } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import type { ForgottenKeys, Horizon } from "../../src/core/journal/port.ts";
import { decodeEntries, keysOf } from "../../src/core/journal/format.ts";

/** How an index is broken. */
export interface IndexFlaws {
  /** Forgets what the caller did not ask for, or less than it asked for. */
  readonly forgotten?: (forgotten: ForgottenKeys) => readonly ForgottenKeys[];
  readonly anyKind?: true;
  /** Removes a forgotten key, whichever record it points to. */
  readonly anySequence?: true;
  readonly horizon?: (horizon: Horizon) => Horizon;
  /** Keys are looked up without the stream. */
  readonly shared?: true;
  readonly sorted?: true;
  /** Takes the keys of a page that comes after the erasure. */
  readonly late?: true;
  /** The keys leave the index before the horizon is raised. */
  readonly early?: true;
}

/** The memory journal with a key index in place of its pages, for the suite's own tests. */
export function createIndexedMemoryJournal(flaws: IndexFlaws = {}): Journal {
  const journal = createMemoryJournal();
  const index = new Map<string, Map<string, number>>();
  const keysIn = ({ tenant, entity, id }: StreamId): Map<string, number> => {
    const name = flaws.shared ? "" : `${tenant}/${entity}/${id}`;
    const found = index.get(name) ?? new Map<string, number>();
    index.set(name, found);
    return found;
  };

  async function forget(stream: StreamId, { from, to, derived }: ForgottenKeys): Promise<void> {
    const keys = keysIn(stream);
    for (const record of await journal.history(stream, { after: from - 1, limit: to - from + 1 })) {
      for (const key of keysOf(decodeEntries(record), record.time)) {
        if (key.derived !== derived && !flaws.anyKind) continue;
        if (keys.get(key.hash) === record.sequence || flaws.anySequence) keys.delete(key.hash);
      }
    }
  }

  return {
    ...journal,
    keys: {
      kind: "index",
      async find(stream, hashes) {
        const asked = flaws.sorted ? hashes.toSorted() : hashes;
        const { snapshot } = await journal.load(stream);
        const horizon = snapshot?.horizon ?? { foreign: 0, derived: 0 };
        const keys = keysIn(stream);
        return { sequences: asked.map((hash) => keys.get(hash)), horizon: flaws.horizon?.(horizon) ?? horizon };
      },
    },
    async saveSnapshot(stream, snapshot, keys) {
      const stored = (await journal.load(stream)).snapshot;
      if (stored?.revision === Number.MAX_SAFE_INTEGER && !flaws.late) return;
      for (const [hash, sequence] of keys?.page?.keys ?? []) keysIn(stream).set(hash, sequence);
      const { forgotten = [] } = keys ?? {};
      const asked = flaws.forgotten ? forgotten.flatMap(flaws.forgotten) : forgotten;
      if (!flaws.early) await journal.saveSnapshot(stream, snapshot);
      for (const range of asked) await forget(stream, range);
      // A turn of the event loop, in which somebody may look.
      if (flaws.early) await new Promise((resolve) => setImmediate(resolve));
      if (flaws.early) await journal.saveSnapshot(stream, snapshot);
    },
    async erase(stream, tombstone) {
      await journal.erase(stream, tombstone);
      keysIn(stream).clear();
    },
  };
}
