import { DatabaseSync } from "node:sqlite";
import { agedCommands, cartOf, cartsCount, itemOf, opaqueKeys, type AddItem } from "../workload.ts";

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
  close(): void;
}

// Larger than the default of 1,000 pages, as the cache is: in groups it is worth half as much again (measured).
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 10000;
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

  return {
    run(commands) {
      begin.run();
      try {
        const versions = commands.map(runOne);
        commit.run();
        return versions;
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => db.close(),
  };
}

/** The commands `from..from + count - 1` of the workload. */
export function rawCommands(from: number, count: number): readonly RawCommand[] {
  const keys = opaqueKeys(count);
  return keys.map((key, i) => ({ id: cartOf(from + i), key, item: itemOf(from + i) }));
}

/** All commands, `size` per transaction. */
export function runInGroups(store: RawStore, commands: readonly RawCommand[], size: number): void {
  for (let i = 0; i < commands.length; i += size) store.run(commands.slice(i, i + size));
}

/** Brings the store to where `age` brings Holdfast. */
export function ageRaw(store: RawStore, commands = agedCommands): void {
  runInGroups(store, rawCommands(0, commands * cartsCount), 500);
}

function withItem(items: readonly AddItem[], added: AddItem): readonly AddItem[] {
  const index = items.findIndex((item) => item.productId === added.productId);
  if (index < 0) return [...items, added];
  return items.map((item, i) => (i === index ? { ...item, quantity: item.quantity + added.quantity } : item));
}
