import type { DeadLetterStore, MessageStore, ReplayStore } from "../core/delivery/port.ts";
import type { Journal } from "../core/journal/port.ts";
import { createMemoryJournal } from "../memory/journal.ts";
import type { Remote } from "./calls.ts";

/** The ports that one instance of an app runs on. */
export interface Ports {
  readonly journal: Journal;
  readonly store: MessageStore & ReplayStore;
}

/** Where a simulated app keeps its state and its messages: the same for all instances of a world. */
export interface Target {
  /** Read by checkers when all is over; no fault touches it. */
  readonly journal: Journal;
  readonly store: MessageStore & ReplayStore & DeadLetterStore;
  /** The ports of one instance. Every call of them that leaves the process goes through `remote`. */
  connect(remote: Remote, notify: Notify): Ports;
}

/** Tells an instance after at most so many milliseconds that something was stored. */
export type Notify = (withinMs: number, task: () => void) => void;

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
    connect(remote, notify) {
      const self = {};
      const writing = <T>(effect: () => Promise<T>): (() => Promise<T>) => {
        return () => {
          caller = self;
          try {
            // What it notifies of, it does before its first wait.
            return effect();
          } finally {
            caller = undefined;
          }
        };
      };
      const { keys } = journal;
      return {
        journal: {
          keys:
            keys.kind === "pages"
              ? { kind: "pages", load: (...args) => remote("keys", () => keys.load(...args)) }
              : { kind: "index", find: (...args) => remote("keys", () => keys.find(...args)) },
          load: (...args) => remote("load", () => journal.load(...args)),
          append: (append) =>
            remote(
              "append",
              writing(() => journal.append(append)),
              { mayBeLate: true, unknown: "unknown", retried: "taken" },
            ),
          record: (...args) => remote("record", () => journal.record(...args)),
          history: (...args) => remote("history", () => journal.history(...args)),
          saveSnapshot: (...args) => remote("saveSnapshot", () => journal.saveSnapshot(...args), { mayBeLate: true }),
          streams: (...args) => remote("streams", () => journal.streams(...args)),
          erase: (...args) => remote("erase", () => journal.erase(...args)),
        },
        store: {
          recordsAfter: (...args) => remote("recordsAfter", () => journal.recordsAfter(...args)),
          take: (...args) => remote("take", () => journal.take(...args)),
          settle: (...args) =>
            remote(
              "settle",
              writing(() => journal.settle(...args)),
            ),
          due: (...args) => remote("due", () => journal.due(...args)),
          send: (...args) =>
            remote(
              "send",
              writing(() => journal.send(...args)),
            ),
          addReplay: (...args) => remote("addReplay", () => journal.addReplay(...args)),
          replays: (...args) => remote("replays", () => journal.replays(...args)),
          watch(listener) {
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
          },
        },
      };
    },
  };
}
