import { join } from "node:path";
import { createRuntime, type Runtime } from "holdfast";
import app from "../examples/shop/app.ts";
import { fill } from "./copies.ts";
import { compare, keepBusy, perSecond, type Bench, type Benchmark, type Side } from "./harness.ts";
import { filledJournal, system } from "./journal.ts";
import { addItem, cartId, cartsCount, itemOf, opaqueKey, warmUp } from "./workload.ts";

/** Carts are equally long in both files, so that nothing but the number of records differs. */
const recordsPerCart = 10;

interface Store {
  readonly runtime: Runtime;
  /** Commands per second, 64 at once. */
  readonly side: Side;
  close(): Promise<void>;
}

async function openStore(bench: Bench, records: number): Promise<Store> {
  const count = records / recordsPerCart;
  bench.progress(`${records.toLocaleString("en")} records are being stored`);
  const journal = await filledJournal(join(bench.folder, `records-${records}.db`), (journal) =>
    fill(journal, { count, commands: recordsPerCart, id: cartId }),
  );
  const runtime = createRuntime(app, { journal, system });
  // 1,000 carts, spread over all that are stored.
  const id = (i: number): string => cartId(((i * 389) % cartsCount) * (count / cartsCount));
  let used = 0;
  const run = async (ms: number): Promise<number> =>
    perSecond(await keepBusy(64, ms, () => addItem(runtime, id(used), opaqueKey(), itemOf(used++))));
  await warmUp(runtime, id);
  return {
    runtime,
    side: () => run(bench.turnMs),
    async close() {
      await runtime.close();
      await journal.close();
    },
  };
}

export const storedRecords: Benchmark = {
  name: "records",
  async run(bench) {
    // A quick run has no time for a million.
    const many = bench.quick ? 100_000 : 1_000_000;
    const what = `append, ${many.toLocaleString("en")} records stored`;
    const small = await openStore(bench, 10_000);
    const large = await openStore(bench, many);
    const { value, ratio } = await compare(bench, what, small.side, large.side);
    await Promise.all([small.close(), large.close()]);
    // As time: the bound says how much longer it may take.
    const row = { value: 1_000_000 / value, unit: "µs/command", ratio: 1 / ratio };
    return [{ ...row, name: what, against: "10,000 stored", bound: { ceiling: 1.3 } }];
  },
};
