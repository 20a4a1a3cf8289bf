import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";
import type { Done } from "../harness.ts";
import { cartOf, cartsCount, itemOf, warmUpCommands, warmUpWidth, type AddItem } from "../workload.ts";

/** One command for the hand-written store. */
export interface RawCommand {
  readonly id: string;
  readonly key: string;
  readonly item: AddItem;
}

interface State {
  readonly items: readonly AddItem[];
  readonly checkedOut: boolean;
}

/** The raw limit: a shop written by hand for one machine, with the same promises and without a framework. */
export interface RawStore {
  /** Runs the commands in one transaction; durable when it returns. Answers the carts' new versions. */
  run(commands: readonly RawCommand[]): readonly number[];
  /** Stores carts as if so many commands had been run on each. */
  seed(ids: readonly string[], commands: number): void;
  close(): void;
}

// A log as long as Holdfast's and a cache four times as large (Holdfast has to stay small): with SQLite's defaults of
// 1,000 pages and 2 MB this store is a third slower in groups (measured).
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -65536;
  CREATE TABLE carts (id TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY, cart TEXT NOT NULL, version INTEGER NOT NULL, time INTEGER NOT NULL,
    type TEXT NOT NULL, data TEXT NOT NULL, UNIQUE (cart, version)
  );
  CREATE TABLE keys (
    cart TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (cart, key)
  ) WITHOUT ROWID;
`;

export function createRawStore(file: string): RawStore {
  const db = new DatabaseSync(file);
  db.exec(schema);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const readState = db.prepare("SELECT version, state FROM carts WHERE id = ?");
  const insertEvent = db.prepare("INSERT INTO events (cart, version, time, type, data) VALUES (?, ?, ?, ?, ?)");
  const insertKey = db.prepare("INSERT INTO keys (cart, key, version) VALUES (?, ?, ?)");
  const writeState = db.prepare(
    "INSERT INTO carts VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state",
  );

  function runOne({ id, key, item }: RawCommand): number {
    const row = readState.get(id);
    // What this store has written itself.
    const state = row ? (JSON.parse(row["state"] as string) as State) : { items: [], checkedOut: false };
    const version = (row ? (row["version"] as number) : 0) + 1;
    if (state.checkedOut) throw new Error("cart-closed");
    if (item.quantity < 1) throw new Error("invalid-quantity");
    insertEvent.run(id, version, Date.now(), "itemAdded", JSON.stringify(item));
    insertKey.run(id, key, version);
    writeState.run(id, version, JSON.stringify({ ...state, items: withItem(state.items, item) }));
    return version;
  }

  function seedOne(id: string, commands: number): void {
    let items: readonly AddItem[] = [];
    for (let i = 0; i < commands; i++) {
      const item = itemOf(i * cartsCount);
      items = withItem(items, item);
      insertEvent.run(id, i + 1, Date.now(), "itemAdded", JSON.stringify(item));
      insertKey.run(id, randomUUID(), i + 1);
    }
    writeState.run(id, commands, JSON.stringify({ items, checkedOut: false }));
  }

  function inTransaction<T>(work: () => T): T {
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  }

  return {
    run: (commands) => inTransaction(() => commands.map(runOne)),
    seed(ids, commands) {
      db.exec("PRAGMA synchronous = NORMAL");
      for (const id of ids) inTransaction(() => seedOne(id, commands));
      db.exec("PRAGMA synchronous = FULL");
    },
    close: () => db.close(),
  };
}

/** Runs commands `size` per transaction for `ms`; `next` numbers them. */
export function keepRawBusy(store: RawStore, size: number, ms: number, next: () => number): Done {
  let count = 0;
  const from = performance.now();
  for (; performance.now() - from < ms; count += size) runGroup(store, size, next);
  return { count, ms: performance.now() - from };
}

/** What `warmUp` is for Holdfast. */
export function warmUpRaw(store: RawStore, next: () => number): void {
  for (let count = 0; count < warmUpCommands; count += warmUpWidth) runGroup(store, warmUpWidth, next);
}

function runGroup(store: RawStore, size: number, next: () => number): void {
  const commands: RawCommand[] = [];
  for (let i = 0; i < size; i++) {
    const index = next();
    commands.push({ id: cartOf(index), key: randomUUID(), item: itemOf(index) });
  }
  store.run(commands);
}

function withItem(items: readonly AddItem[], added: AddItem): readonly AddItem[] {
  const index = items.findIndex((item) => item.productId === added.productId);
  if (index < 0) return [...items, added];
  return items.map((item, i) => (i === index ? { ...item, quantity: item.quantity + added.quantity } : item));
}
