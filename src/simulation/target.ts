import type { DeadLetterStore, MessageStore, ReplayStore } from "../core/delivery/port.ts";
import type { Journal } from "../core/journal/port.ts";
import type { System } from "../core/runtime/system.ts";
import { createMemoryJournal } from "../memory/journal.ts";
import type { Remote } from "./calls.ts";

/** The ports that one instance of an app runs on. */
export interface Ports {
  readonly journal: Journal;
  readonly store: MessageStore & ReplayStore;
}

/** What an instance hands to its target. */
export interface Connection {
  /** Of the instance: what is timed by it stands still with it, and ends with it. */
  readonly system: System;
  /** Every call that leaves the process goes through it. */
  readonly remote: Remote;
  /** Calls back in the instance, within so many milliseconds. */
  notify(withinMs: number, task: () => void): void;
}

/** Where a simulated app keeps its state and its messages: the same for all instances of a world. */
export interface Target {
  /** Read by checkers when all is over; no fault touches it. */
  readonly journal: Journal;
  readonly store: MessageStore & ReplayStore & DeadLetterStore;
  /** The ports of one instance. */
  connect(connection: Connection): Ports;
  /** The world is over. */
  close?(): void;
}

/** The ports of a store, each call through `remote`. */
export function remotePorts(
  own: Journal & MessageStore & ReplayStore,
  remote: Remote,
  watch: MessageStore["watch"] = own.watch,
): Ports {
  const { keys } = own;
  const ofAppends = { mayBeLate: true, unknown: "unknown", retried: "taken" } as const;
  return {
    journal: {
      keys:
        keys.kind === "pages"
          ? { kind: "pages", load: (...args) => remote("keys", () => keys.load(...args)) }
          : { kind: "index", find: (...args) => remote("keys", () => keys.find(...args)) },
      load: (...args) => remote("load", () => own.load(...args)),
      append: (append) => remote("append", () => own.append(append), ofAppends),
      record: (...args) => remote("record", () => own.record(...args)),
      history: (...args) => remote("history", () => own.history(...args)),
      saveSnapshot: (...args) => remote("saveSnapshot", () => own.saveSnapshot(...args), { mayBeLate: true }),
      streams: (...args) => remote("streams", () => own.streams(...args)),
      erase: (...args) => remote("erase", () => own.erase(...args)),
    },
    store: {
      recordsAfter: (...args) => remote("recordsAfter", () => own.recordsAfter(...args)),
      take: (...args) => remote("take", () => own.take(...args)),
      settle: (...args) => remote("settle", () => own.settle(...args)),
      due: (...args) => remote("due", () => own.due(...args)),
      send: (...args) => remote("send", () => own.send(...args)),
      addReplay: (...args) => remote("addReplay", () => own.addReplay(...args)),
      replays: (...args) => remote("replays", () => own.replays(...args)),
      watch,
    },
  };
}

/**
 * All in memory: what the port says, and no more. Here the notice of new records reaches its own instance at once, with
 * them, and others within a second, without.
 */
export function createMemoryTarget(): Target {
  const journal = createMemoryJournal();
  let caller: object | undefined;

  return {
    journal,
    store: journal,
    connect({ remote, notify }) {
      const self = {};
      /** What a write notifies of, it does before its first wait. */
      const writing =
        <Args extends readonly unknown[], T>(write: (...args: Args) => Promise<T>) =>
        (...args: Args): Promise<T> => {
          caller = self;
          try {
            return write(...args);
          } finally {
            caller = undefined;
          }
        };
      const { append, settle, send } = journal;
      const own = { ...journal, append: writing(append), settle: writing(settle), send: writing(send) };
      return remotePorts(own, remote, (listener) => {
        const noticed = new Set<string>();
        return journal.watch((what, records) => {
          if (caller === self) return notify(2, () => listener(what, records));
          // One notice tells of all that came before it.
          if (noticed.has(what)) return;
          noticed.add(what);
          notify(1_000, () => {
            noticed.delete(what);
            listener(what);
          });
        });
      });
    },
  };
}
