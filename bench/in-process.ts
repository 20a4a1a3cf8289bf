import { join } from "node:path";
import { createRuntime, formatKey, type Runtime } from "holdfast";
import app from "../examples/shop/app.ts";
import {
  atOnce,
  compare,
  keepBusy,
  perSecond,
  type Bench,
  type Benchmark,
  type Row,
  type Shared,
  type Side,
} from "./harness.ts";
import { fill } from "./copies.ts";
import { filledJournal, system } from "./journal.ts";
import { createRawStore, keepRawBusy, warmUpRaw, type RawStore } from "./raw/store.ts";
import { addItem, cartId, cartIds, cartOf, cartsCount, itemOf, opaqueKey, usedCommands, warmUp } from "./workload.ts";

/** 1,000 carts that have seen their first snapshot, on both sides. */
interface Shop {
  readonly raw: RawStore;
  readonly runtime: Runtime;
  /** The number of a command that no side has run yet. */
  next(): number;
}

async function openShop(bench: Bench): Promise<Shared<Shop>> {
  bench.progress(`${cartsCount} carts with ${usedCommands} commands each`);
  const raw = createRawStore(join(bench.folder, "raw.db"));
  raw.seed(cartIds, usedCommands);
  const journal = await filledJournal(join(bench.folder, "holdfast.db"), (journal) =>
    fill(journal, { count: cartsCount, commands: usedCommands, id: cartId }),
  );
  const runtime = createRuntime(app, { journal, system });
  let used = 0;
  const shop: Shop = { raw, runtime, next: () => used++ };
  warmUpRaw(raw, shop.next);
  await warmUp(runtime, cartOf);
  return {
    value: shop,
    async close() {
      raw.close();
      await runtime.close();
      await journal.close();
    },
  };
}

/** `raw (a)` is one command per transaction, `raw (b,n)` is n. */
function rawSide({ raw, next }: Shop, size: number, ms: number): Side {
  return () => perSecond(keepRawBusy(raw, size, ms, next));
}

/** `width` commands under way at any time, each to the next cart (or all to one). */
function holdfastSide({ runtime, next }: Shop, width: number, ms: number, key = opaqueKey, id?: string): Side {
  return async () => {
    const one = (): Promise<void> => {
      const index = next();
      return addItem(runtime, id ?? cartOf(index), key(), itemOf(index));
    };
    return perSecond(await keepBusy(width, ms, one));
  };
}

interface Case {
  readonly name: string;
  readonly what: string;
  readonly width: number;
  readonly floor: number;
  /** All commands to this cart. */
  readonly id?: string;
}

function commands({ name, what, width, floor, id }: Case): Benchmark {
  return {
    name,
    async run(bench) {
      const shop = await bench.shared(openShop);
      const a = rawSide(shop, width, bench.turnMs);
      const b = holdfastSide(shop, width, bench.turnMs, opaqueKey, id);
      const { value, ratio } = await compare(bench, what, a, b);
      const against = `raw (${width === 1 ? "a" : `b,${width}`})`;
      return [{ name: what, value, unit: "commands/s", ratio, against, bound: { floor } }];
    },
  };
}

/** Each turn runs new commands, then sends all of them again. */
const replays: Benchmark = {
  name: "replays",
  async run(bench) {
    const { runtime, next } = await bench.shared(openShop);
    const rows: Row[] = [];
    for (const width of [1, 64]) {
      const what = `replays of known keys, ${width === 1 ? "one at a time" : `${width} at once`}`;
      let known: { readonly index: number; readonly key: string }[] = [];
      const first: Side = async () => {
        known = [];
        const one = (): Promise<void> => {
          const command = { index: next(), key: opaqueKey() };
          known.push(command);
          return addItem(runtime, cartOf(command.index), command.key, itemOf(command.index));
        };
        return perSecond(await keepBusy(width, bench.turnMs, one));
      };
      const again: Side = async () => {
        const one = async (i: number): Promise<void> => {
          const { index, key } = known[i] ?? { index: 0, key: "" };
          await addItem(runtime, cartOf(index), key, itemOf(index));
        };
        return perSecond(await atOnce(width, known.length, one));
      };
      const { value, ratio } = await compare(bench, what, first, again);
      rows.push({ name: what, value, unit: "commands/s", ratio, against: "first executions", bound: { floor: 1 } });
    }
    return rows;
  },
};

/** Keys in our own form need no look-up: the horizon alone tells that they are new. */
const ownKeys: Benchmark = {
  name: "own-keys",
  async run(bench) {
    const shop = await bench.shared(openShop);
    const what = "64 at once, fresh keys in own form";
    const opaque = holdfastSide(shop, 64, bench.turnMs);
    const own = holdfastSide(shop, 64, bench.turnMs, () => formatKey(Date.now(), opaqueKey()));
    const { value, ratio } = await compare(bench, what, opaque, own);
    return [{ name: what, value, unit: "commands/s", ratio, against: "opaque keys, 64 at once", bound: null }];
  },
};

export const inProcess: readonly Benchmark[] = [
  commands({ name: "one", what: "1,000 carts, one at a time", width: 1, floor: 0.6 }),
  commands({ name: "16", what: "1,000 carts, 16 at once", width: 16, floor: 0.5 }),
  commands({ name: "64", what: "1,000 carts, 64 at once", width: 64, floor: 0.4 }),
  commands({
    name: "hot",
    what: "one hot cart, 64 at once",
    width: 64,
    floor: 0.7,
    id: "hot",
  }),
  replays,
  ownKeys,
];
