import type { Runtime } from "holdfast";
import { compare, keepBusy, perSecond, type Bench, type Row } from "../harness.ts";
import { addItem, cartsCount as cycle, itemOf, opaqueKey, type AddItem } from "../workload.ts";
import type { Change } from "./optimistic.ts";

const width = 16;

/** What a first retry may wait at most: the best of these on this machine is what Holdfast is compared with. */
const basesMs = [5, 25, 50, 100];

interface Cart {
  readonly items: readonly AddItem[];
}

export interface HotSides {
  /** One command of a handler by hand to one cart, retried from `baseMs`. */
  byHand(baseMs: number, change: Change<Cart>): Promise<void>;
  readonly runtime: Runtime;
  /** Resolves when nothing is under way behind the answers; not counted. Default: nothing ever is. */
  idle?(): Promise<void>;
  /** What the handlers by hand do: `get + put`. */
  readonly how: string;
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
async function byHand(sides: HotSides, baseMs: number, ms: number): Promise<number> {
  let count = 0;
  const from = performance.now();
  await keepBusy(width, ms, async (i) => {
    await sides.byHand(baseMs, adding(itemOf(i * cycle)));
    // What waits for its turn at the end is nobody's loss.
    if (performance.now() - from <= ms) count++;
  });
  return perSecond({ count, ms });
}

async function bestBase(bench: Bench, sides: HotSides, ms: number): Promise<number> {
  let best = { baseMs: 0, commands: 0 };
  for (const baseMs of basesMs) {
    bench.progress(`hand-written handlers of one hot cart, retries from ${baseMs} ms`);
    const commands = await byHand(sides, baseMs, ms);
    if (commands > best.commands) best = { baseMs, commands };
  }
  return best.baseMs;
}

/** Who waits for the same entity shares a write; handlers on their own are in each other's way. */
export async function measureHot(bench: Bench, sides: HotSides): Promise<readonly Row[]> {
  const { runtime, how, idle = async () => {} } = sides;
  // Long enough for retries that wait.
  const turnMs = bench.turnMs * 2 + 150;
  const baseMs = await bestBase(bench, sides, turnMs * 2);
  let next = 0;
  const command = (): Promise<void> => addItem(runtime, "hot", opaqueKey(), itemOf(next++ * cycle));
  await keepBusy(width, turnMs, command);
  await idle();
  const what = `one hot cart, ${width} at once`;
  const { value, baseline, ratio } = await compare(
    bench,
    what,
    () => byHand(sides, baseMs, turnMs),
    async () => {
      const rate = perSecond(await keepBusy(width, bench.turnMs, command));
      await idle();
      return rate;
    },
  );
  const against = `${how}, retried from ${baseMs} ms`;
  const unit = "commands/s";
  return [
    { name: what, value, unit, ratio, against, bound: { floor: 10 } },
    { name: "the same by hand", value: baseline, unit, ratio: null, against: null, bound: null },
  ];
}
