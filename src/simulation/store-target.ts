import type { App } from "../core/app.ts";
import { createDelivery } from "../core/delivery/delivery.ts";
import type { DeadLetterStore, MessageStore, ReplayStore } from "../core/delivery/port.ts";
import { subscriptionName } from "../core/delivery/subscriptions.ts";
import { queueConsumer } from "../core/delivery/workers.ts";
import type { Journal } from "../core/journal/port.ts";
import { createMemoryJournal } from "../memory/journal.ts";
import type { Remote } from "./calls.ts";
import type { Connection, Target, Waiting } from "./target.ts";

/** What one instance works with where messages wait beside the journal. */
export interface StorePorts {
  readonly journal: Journal;
  readonly store: MessageStore & ReplayStore;
}

/** One store that holds the journal and what waits, as a database does: each instance's own consumers ask it for work. */
export interface StoreTargetOptions {
  /** No fault touches it. */
  readonly store: Journal & MessageStore & ReplayStore & DeadLetterStore;
  /** The ports of one instance. */
  connect(connection: Connection): StorePorts;
  /** The world is over. */
  close?(): void;
}

/** A target whose instances deliver what a store holds. */
export function createStoreTarget({ store, connect, close }: StoreTargetOptions): Target {
  return {
    journal: store,
    letters: store,
    hasReplays: true,
    lateMs: 0,
    aftermathMs: 0,
    waiting: (app, now) => waitingIn(store, app, now),
    connect(connection) {
      const { journal, store: own } = connect(connection);
      return {
        journal,
        deliver: (runtime, on) => createDelivery(runtime, { store: own, ...on }),
        addReplay: own.addReplay,
      };
    },
    ...(close && { close }),
  };
}

async function waitingIn(store: MessageStore & ReplayStore, app: App, now: number): Promise<Waiting> {
  const overdue: string[] = [];
  let earliest: number | undefined;
  for (const consumer of consumersOf(app)) {
    const { messages, nextAt, parkedAt } = await store.due(consumer, { now, limit: 5 });
    for (const { id, stream, name } of messages) {
      overdue.push(`${consumer}: message ${id} ${name ?? ""} ${stream ? `${stream.entity} ${stream.id}` : ""}`);
    }
    if (parkedAt !== undefined) overdue.push(`${consumer}: parked until ${parkedAt - now} ms from now`);
    if (nextAt !== undefined) earliest = Math.min(earliest ?? nextAt, nextAt);
  }
  for (const { id, subscription } of await store.replays("unfinished")) overdue.push(`replay ${id} of ${subscription}`);
  return { overdue, nextAt: earliest };
}

/** Those that have an end to what they do. */
export function consumersOf(app: App): readonly string[] {
  return [
    "sends",
    "timers",
    ...[...app.subscriptions.keys()].map(subscriptionName),
    ...[...app.workers.values()].map(({ queue }) => queueConsumer(queue)),
  ];
}

/** A journal, each call through `remote`. */
export function remoteJournal(own: Journal, remote: Remote): Journal {
  const { keys } = own;
  const ofAppends = { mayBeLate: true, unknown: "unknown", retried: "taken" } as const;
  return {
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
  };
}

/** The ports of a store, each call through `remote`. */
export function remotePorts(
  own: Journal & MessageStore & ReplayStore,
  remote: Remote,
  watch: MessageStore["watch"] = own.watch,
): StorePorts {
  return {
    journal: remoteJournal(own, remote),
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

  return createStoreTarget({
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
  });
}
