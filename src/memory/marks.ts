import type { MarkStore } from "../core/broker/marks.ts";
import type { Journal } from "../core/journal/port.ts";
import { streamKey } from "../core/runtime/live.ts";

/** A journal in memory that keeps how far its streams are published, as stores do that tell nobody of their records. */
export function createMemoryMarks<Of extends Journal>(journal: Of): Of & MarkStore {
  const marks = new Map<string, number>();

  function raise(key: string, sequence: number): void {
    marks.set(key, Math.max(marks.get(key) ?? 0, sequence));
  }

  return {
    ...journal,
    async load(stream, after) {
      const loaded = await journal.load(stream, after);
      return after === undefined ? { ...loaded, published: marks.get(streamKey(stream)) ?? 0 } : loaded;
    },
    async append({ published = 0, ...append }) {
      const result = await journal.append(append);
      if (result === "stored") raise(streamKey(append.stream), published);
      return result;
    },
    async unpublished(stream, limit) {
      const published = marks.get(streamKey(stream)) ?? 0;
      return { published, records: await journal.history(stream, { after: published, limit }) };
    },
    async setPublished(stream, sequence) {
      raise(streamKey(stream), sequence);
    },
  };
}
