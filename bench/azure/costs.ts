import { formatKey } from "holdfast";
import { atOnce, type Bench, type Benchmark, type Bound, type Row } from "../harness.ts";
import { addItem, cartId, cartsCount as cycle, itemOf, opaqueKey } from "../workload.ts";
import { cart } from "../../examples/shop/cart.ts";
import { openCounted, type Counted } from "./counted.ts";
import type { Instance } from "./internals.ts";
import { each, operationsOf, sum, type Counts } from "./meter.ts";
import { loneSecondsPerMillion, priceOf } from "./prices.ts";

/** They differ in how far behind the newest snapshot is, in equal steps: so they stand for all there are. */
const carts = 5;

/** Holdfast's default, and so the carts'. */
const snapshotEvery = 100;

/** Later than any wake-up is due: those that find nothing newer come once more, and no third time. Milliseconds. */
const settledMs = 200_000;

/** Of each thing, the counts of one; what is counted is an average where snapshots are part of it. */
export interface Costs {
  readonly warm: Counts;
  readonly cold: Counts;
  readonly coldOpaque: Counts;
  /** By an instance that takes over from another one before that one's wake-up has come. */
  readonly takenOver: Counts;
  readonly rejected: Counts;
  readonly replayed: Counts;
  readonly delivered: Counts;
  readonly wakeUp: Counts;
  readonly lone: Counts;
  readonly idle: Counts;
  /** Wake-ups of one entity and instance that was busy for 30 seconds. */
  readonly wakeUpsIn30s: number;
}

/** Runs it on each cart, and waits until all of it is published; answers what one has cost. */
async function onEach(
  { meter }: Counted,
  { publisher }: Instance,
  count: number,
  one: (id: string, index: number) => Promise<unknown>,
): Promise<Counts> {
  meter.take();
  await atOnce(carts, carts, async (i) => {
    for (let index = 0; index < count; index++) {
      await one(cartId(i), index);
      // One at a time: else several share a batch.
      await publisher.idle();
    }
  });
  return each(meter.take(), count * carts);
}

/** Time goes on until nothing follows any more; who wakes up is that instance. */
async function settle(counted: Counted, instance: Instance): Promise<number> {
  let wakeUps = 0;
  counted.advance(settledMs);
  for (let found = 1; found > 0; counted.advance(settledMs)) {
    found = await counted.handle(instance, "wakeups");
    wakeUps += found;
  }
  return wakeUps;
}

/** Counts what `commands` commands of each cart, and other things, send over the wire. `commands`: a multiple of 100. */
export async function costsOf(counted: Counted, commands: number): Promise<Costs> {
  const { meter } = counted;
  const add = (instance: Instance, key: () => string) => (id: string, index: number) =>
    addItem(instance.runtime, id, key(), itemOf(index * cycle));
  // Newer than all that was stored before it: the client has made it just now.
  const ownKey = (): string => formatKey(counted.now() + 1, opaqueKey().slice(0, 8));

  const first = counted.instance();
  await atOnce(carts, carts, async (i) => {
    const used = 105 + (i * snapshotEvery) / carts;
    for (let n = 0; n < used; n++) await add(first, opaqueKey)(cartId(i), n);
  });
  await first.publisher.idle();
  const before = counted.wakeUps();
  const warm = await onEach(counted, first, commands, add(first, opaqueKey));
  const wakeUpsIn30s = counted.wakeUps() / carts;
  if (before !== counted.wakeUps()) throw new Error("A covered command had a wake-up scheduled.");
  const rejected = await onEach(counted, first, 10, async (id) => {
    const result = await first.runtime.call(cart, id).addItem({ ...itemOf(0), quantity: 0 });
    if (result.ok) throw new Error("Nothing was rejected.");
  });
  const key = opaqueKey();
  await onEach(counted, first, 1, (id) => addItem(first.runtime, id, key, itemOf(0)));
  const replayed = await onEach(counted, first, 10, (id) => addItem(first.runtime, id, key, itemOf(0)));
  const [second, own, opaque] = [counted.instance(), counted.instance(), counted.instance()];
  const takenOver = await onEach(counted, second, 1, add(second, opaqueKey));
  await settle(counted, first);
  const cold = await onEach(counted, own, 1, add(own, ownKey));
  await settle(counted, first);
  const coldOpaque = await onEach(counted, opaque, 1, add(opaque, opaqueKey));

  meter.take();
  const events = await counted.handle(first, "events");
  const delivered = each(meter.take(), events);
  await settle(counted, first);
  await counted.handle(first, "events");

  // An entity that is used once, by an instance that does not have it: nothing to share with anybody.
  const alone = counted.instance();
  const command = await onEach(counted, alone, 1, add(alone, ownKey));
  const waking = counted.instance();
  const wakeUps = await settle(counted, waking);
  const wakeUp = each(meter.take(), wakeUps);
  await counted.handle(waking, "events");
  const lone = sum([command, wakeUp, each(meter.take(), carts)]);
  if (wakeUps !== carts) throw new Error(`${carts} lone commands had ${wakeUps} wake-ups.`);

  meter.take();
  counted.advance(24 * 3_600_000);
  const idle = meter.take();
  await Promise.all([first, second, own, opaque, alone, waking].map(({ runtime }) => runtime.close()));
  return { warm, cold, coldOpaque, takenOver, rejected, replayed, delivered, wakeUp, lone, idle, wakeUpsIn30s };
}

const unbound = { ratio: null, against: null, bound: null };

function rowsOf(
  name: string,
  counts: Counts,
  executions: number,
  bounds: { tables?: Bound; writes?: Bound } = {},
): Row[] {
  const { tableReads, tableWrites } = counts;
  const operations = operationsOf(counts);
  const bill = { tables: tableReads + tableWrites, operations, executions };
  return [
    { ...unbound, name, value: tableWrites, unit: "table writes", bound: bounds.writes ?? null },
    { ...unbound, name, value: tableReads, unit: "table reads", bound: bounds.tables ?? null },
    { ...unbound, name, value: operations, unit: "bus operations" },
    { ...unbound, name, value: priceOf(bill), unit: "$/million" },
  ];
}

const none: Bound = { ceiling: 0 };

/** The table of costs. */
export function costRows(costs: Costs): readonly Row[] {
  const { warm, cold, coldOpaque, takenOver, rejected, replayed, delivered, wakeUp, lone, idle, wakeUpsIn30s } = costs;
  return [
    ...rowsOf("warm command, covered, 1 event", warm, 1, { writes: { ceiling: 1.1 }, tables: none }),
    ...rowsOf("cold command, and its wake-up sent", cold, 1, { writes: { ceiling: 1 }, tables: { ceiling: 1 } }),
    ...rowsOf("the same with an opaque key", coldOpaque, 1, { writes: { ceiling: 1 }, tables: { ceiling: 2 } }),
    ...rowsOf("the same, 90 s after another instance", takenOver, 1),
    ...rowsOf("rejected, warm", rejected, 1, { writes: none, tables: { ceiling: 1 } }),
    ...rowsOf("replayed, warm", replayed, 1, { writes: none, tables: { ceiling: 1 } }),
    ...rowsOf("an event to 1 subscription", delivered, 1, { writes: none, tables: { ceiling: 1 } }),
    ...rowsOf("a wake-up handled, its event sent again", wakeUp, 1),
    ...rowsOf("a lone command in full, cold, 1 subscription", lone, 3),
    { ...unbound, name: "  its executions share no second: more", value: 3 * loneSecondsPerMillion, unit: "$/million" },
    { ...unbound, name: "wake-ups, entity busy for 30 s", value: wakeUpsIn30s, unit: "", bound: { ceiling: 1 } },
    {
      ...unbound,
      name: "idle for a day: sent by Holdfast",
      value: operationsOf(idle) + idle.tableReads + idle.tableWrites,
      unit: "",
      bound: none,
    },
  ];
}

/** What commands send over the wire, and what that costs; nothing of it depends on the machine. */
export const costs: Benchmark = {
  name: "costs",
  async run(bench: Bench) {
    const commands = bench.quick ? 100 : 200;
    bench.progress(`what ${commands * carts} commands send over the wire`);
    const counted = await openCounted(bench, "costs");
    try {
      return costRows(await costsOf(counted, commands));
    } finally {
      await counted.close();
    }
  },
};
