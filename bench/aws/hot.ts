import { createRuntime } from "holdfast";
import { createDynamoJournal } from "holdfast/aws/dynamodb";
import app from "../../examples/shop/app.ts";
import { compare, keepBusy, perSecond, type Bench, type Benchmark } from "../harness.ts";
import { addItem, cartsCount as cycle, itemOf, opaqueKey, type AddItem } from "../workload.ts";
import { getAndPut, type ByHand } from "./by-hand.ts";
import { openDynamo, system } from "./dynamo.ts";

const width = 16;

/** What a first retry may wait at most: the best of these on this machine is what Holdfast is compared with. */
const basesMs = [5, 25, 50, 100];

interface Cart {
  readonly items: readonly AddItem[];
}

/** The shop's `addItem`, without a framework. */
function adding(added: AddItem): (cart: Cart | undefined) => Cart {
  return (cart = { items: [] }) => {
    const known = cart.items.some(({ productId }) => productId === added.productId);
    if (!known) return { items: [...cart.items, added] };
    return {
      items: cart.items.map((item) =>
        item.productId === added.productId ? { ...item, quantity: item.quantity + added.quantity } : item,
      ),
    };
  };
}

/** Commands per second of hand-written handlers that all want the same cart. */
async function byHand(handlers: ByHand, baseMs: number, ms: number): Promise<number> {
  let count = 0;
  const from = performance.now();
  await keepBusy(width, ms, async (i) => {
    await getAndPut(handlers, "hot", baseMs, adding(itemOf(i * cycle)));
    // What waits for its turn at the end is nobody's loss.
    if (performance.now() - from <= ms) count++;
  });
  return perSecond({ count, ms });
}

async function bestBase(bench: Bench, handlers: ByHand, ms: number): Promise<number> {
  let best = { baseMs: 0, commands: 0 };
  for (const baseMs of basesMs) {
    bench.progress(`hand-written handlers of one hot cart, retries from ${baseMs} ms`);
    const commands = await byHand(handlers, baseMs, ms);
    if (commands > best.commands) best = { baseMs, commands };
  }
  return best.baseMs;
}

/** Who waits for the same entity shares a put; handlers on their own are in each other's way. */
export const hot: Benchmark = {
  name: "hot",
  async run(bench) {
    const dynamo = await bench.shared(openDynamo);
    const table = await dynamo.table("hot");
    const handlers = { client: dynamo.client(), table };
    // Long enough for retries that wait.
    const turnMs = bench.turnMs * 2 + 150;
    const baseMs = await bestBase(bench, handlers, turnMs * 2);
    const journal = createDynamoJournal({ client: dynamo.client(), table, system });
    const runtime = createRuntime(app, { journal, system });
    let next = 0;
    const command = (): Promise<void> => addItem(runtime, "hot", opaqueKey(), itemOf(next++ * cycle));
    await keepBusy(width, turnMs, command);
    const what = `one hot cart, ${width} at once`;
    const { value, baseline, ratio } = await compare(
      bench,
      what,
      () => byHand(handlers, baseMs, turnMs),
      async () => perSecond(await keepBusy(width, bench.turnMs, command)),
    );
    await runtime.close();
    const against = `get + put, retried from ${baseMs} ms`;
    const unit = "commands/s";
    return [
      { name: what, value, unit, ratio, against, bound: { floor: 10 } },
      { name: "the same by hand", value: baseline, unit, ratio: null, against: null, bound: null },
    ];
  },
};
