import type { StreamId } from "../journal/port.ts";
import { streamKey } from "./live.ts";

export interface Watchers {
  /** Returns the way to stop. */
  watch(stream: StreamId, listener: () => void): () => void;
  /** Calls the listeners of the stream with that {@link streamKey}. */
  notify(key: string): void;
}

export function createWatchers(): Watchers {
  const watchers = new Map<string, Set<() => void>>();
  return {
    watch(stream, listener) {
      const key = streamKey(stream);
      const listeners = watchers.get(key) ?? new Set();
      watchers.set(key, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watchers.get(key) === listeners) watchers.delete(key);
      };
    },
    notify(key) {
      for (const listener of watchers.get(key) ?? []) listener();
    },
  };
}
