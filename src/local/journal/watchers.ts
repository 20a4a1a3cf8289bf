import type { DatabaseSync } from "node:sqlite";
import type { StoreListener } from "../../core/delivery/port.ts";
import type { System } from "../../core/runtime/system.ts";

/** How often the file is asked whether another process has written, milliseconds. It costs microseconds. */
const pollMs = 200;

/** Who wants to know that something has come. */
export interface Watchers {
  watch(listener: StoreListener): () => void;
  readonly notify: StoreListener;
  stop(): void;
}

/** @param onOthers called when another process has written */
export function createWatchers(db: DatabaseSync, system: System, onOthers: () => void): Watchers {
  const listeners = new Set<StoreListener>();
  // Changes only when another connection commits. Source: https://sqlite.org/pragma.html#pragma_data_version
  const version = db.prepare("PRAGMA data_version");
  let seen: unknown;
  let cancel: (() => void) | undefined;

  const notify: StoreListener = (what, records) => {
    for (const listener of listeners) listener(what, records);
  };

  function poll(): void {
    cancel = system.after(pollMs, poll);
    try {
      const now = version.get()?.["data_version"];
      if (now === seen) return;
      seen = now;
    } catch (error) {
      return system.log.debug({ error }, "it could not be seen whether another process has written");
    }
    onOthers();
    notify("messages");
  }

  return {
    watch(listener) {
      listeners.add(listener);
      if (!cancel) {
        seen = version.get()?.["data_version"];
        cancel = system.after(pollMs, poll);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        cancel?.();
        cancel = undefined;
      };
    },
    notify,
    stop() {
      listeners.clear();
      cancel?.();
      cancel = undefined;
    },
  };
}
