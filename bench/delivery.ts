import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { holdfast, on, silentLogger, type Subscription } from "holdfast";
import { serve, type LocalHost } from "holdfast/local";
import { cart } from "../examples/shop/cart.ts";
import type { IdleAnswer, IdleQuestion } from "./children/pending-timers.ts";
import { startChild } from "./children/process.ts";
import { fill } from "./copies.ts";
import { compare, keepBusy, median, perSecond, type Bench, type Benchmark, type Row, type Side } from "./harness.ts";
import { filledJournal } from "./journal.ts";
import {
  addItem,
  cartId,
  cartOf,
  cartsCount,
  itemOf,
  opaqueKey,
  usedCommands,
  warmUp,
  warmUpCommands,
} from "./workload.ts";

/** Handlers here need nothing from outside. */
const h = holdfast();

/** Commands offered each second, and how many may be under way. */
const offered = 5_000;
const width = 64;

/** The shop with these subscriptions, on a file of its own that holds that many used carts. */
async function openHost(
  bench: Bench,
  name: string,
  carts: number,
  subscriptions: readonly Subscription<undefined>[],
): Promise<LocalHost> {
  const data = join(bench.folder, name);
  mkdirSync(data, { recursive: true });
  const journal = await filledJournal(join(data, "holdfast.db"), async (journal) => {
    if (carts > 0) await fill(journal, { count: carts, commands: usedCommands, id: cartId });
  });
  await journal.close();
  return serve(h.app({ entities: [cart], subscriptions }), { port: 0, data, signals: false, logger: silentLogger });
}

/** When each command was answered and when its event reached each handler, milliseconds; 0: not yet. */
interface Times {
  readonly answered: Float64Array;
  readonly handled: readonly [Float64Array, Float64Array];
}

interface Offered {
  readonly commandsPerSecond: number;
  /** Events that had reached their handlers when the last command was answered. */
  readonly deliveredPerSecond: number;
  readonly share: number;
  /** From the answer to the handler's start. */
  readonly lagsMs: readonly number[];
}

/** Offers commands at a steady pace, each to a new cart; who is late catches up. */
async function offer({ runtime }: LocalHost, times: Times, from: number, count: number): Promise<Offered> {
  const start = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) {
        const i = next++;
        const earlyMs = start + (i * 1_000) / offered - performance.now();
        if (earlyMs > 1) await sleep(earlyMs);
        await addItem(runtime, cartId(from + i), opaqueKey(), itemOf(from + i));
        times.answered[from + i] = performance.now();
      }
    }),
  );
  const seconds = (performance.now() - start) / 1_000;
  const delivered = times.handled.reduce((sum, handled) => sum + arrived(handled, from, count), 0);
  while (times.handled.some((handled) => arrived(handled, from, count) < count)) await sleep(5);
  const lagsMs = times.handled.flatMap((handled) =>
    Array.from(handled.subarray(from, from + count), (at, i) => Math.max(0, at - (times.answered[from + i] ?? 0))),
  );
  return {
    commandsPerSecond: count / seconds,
    deliveredPerSecond: delivered / seconds,
    share: delivered / (2 * count),
    lagsMs: lagsMs.toSorted((a, b) => a - b),
  };
}

function arrived(handled: Float64Array, from: number, count: number): number {
  return handled.subarray(from, from + count).reduce((sum, at) => sum + (at > 0 ? 1 : 0), 0);
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Two subscriptions to every event, whose handlers return at once. */
export const events: Benchmark = {
  name: "events",
  async run(bench) {
    const what = `events to 2 subscriptions, ${offered.toLocaleString("en")} commands/s`;
    const count = offered * (bench.quick ? 2 : 5);
    const size = count * (bench.rounds + 1);
    const times: Times = {
      answered: new Float64Array(size),
      handled: [new Float64Array(size), new Float64Array(size)],
    };
    const subscriptions = times.handled.map((handled, i) =>
      h.subscription(`all-${i}`, {
        to: [on(cart.events.itemAdded)],
        from: "beginning",
        handle: ({ subject }) => {
          handled[Number(subject.slice(cartId(0).length - 1))] = performance.now();
        },
      }),
    );
    const host = await openHost(bench, "events", 0, subscriptions);
    const found: Offered[] = [];
    for (let round = 0; round <= bench.rounds; round++) {
      bench.progress(`${what}: ${round === 0 ? "warming up" : `round ${round} of ${bench.rounds}`}`);
      const one = await offer(host, times, round * count, count);
      if (round > 0) found.push(one);
    }
    await host.close();
    const of = (figure: (one: Offered) => number): number => median(found.map(figure));
    const row = { ratio: null, against: null, bound: null };
    return [
      {
        name: what,
        value: of(({ deliveredPerSecond }) => deliveredPerSecond),
        unit: "events/s",
        ratio: of(({ share }) => share),
        against: "events of the same time",
        // They kept up: what is left when the last command is answered is what was committed a moment ago.
        bound: { floor: 0.95 },
      },
      {
        ...row,
        name: "their commands",
        value: of(({ commandsPerSecond }) => commandsPerSecond),
        unit: "commands/s",
        // Below 1 it is the commands that this machine cannot take, not the events.
        ratio: of(({ commandsPerSecond }) => commandsPerSecond / offered),
        against: "offered",
      },
      { ...row, name: "their lag, p50", value: of(({ lagsMs }) => percentile(lagsMs, 0.5)), unit: "ms" },
      { ...row, name: "their lag, p99", value: of(({ lagsMs }) => percentile(lagsMs, 0.99)), unit: "ms" },
    ];
  },
};

/** Appends beside subscriptions, and without any. */
export const subscriptions: Benchmark = {
  name: "subscriptions",
  async run(bench) {
    const rows: Row[] = [];
    bench.progress(`three files with ${cartsCount} carts each`);
    const none = await openHost(bench, "no-subscriptions", cartsCount, []);
    // One that no event type concerns, one that has to look into every event.
    const idle = await openHost(bench, "idle-subscriptions", cartsCount, [
      h.subscription("other-type", { to: [on(cart.events.checkedOut)], handle: () => {} }),
      h.subscription("other-value", { to: [on(cart.events.itemAdded, { productId: ["no-such"] })], handle: () => {} }),
    ]);
    let handled = 0;
    const busy = await openHost(
      bench,
      "busy-subscriptions",
      cartsCount,
      ["busy-0", "busy-1"].map((name) =>
        h.subscription(name, { to: [on(cart.events.itemAdded)], handle: () => void handled++ }),
      ),
    );
    let committed = 0;
    const sideOf = ({ runtime }: LocalHost, after: (count: number) => Promise<void> = async () => {}): Side => {
      let used = 0;
      return async () => {
        const done = await keepBusy(width, bench.turnMs, async () => {
          const index = used++;
          await addItem(runtime, cartOf(index), opaqueKey(), itemOf(index));
        });
        await after(done.count);
        return perSecond(done);
      };
    };
    // What is left over must not run in the other side's turn.
    const drained = async (count: number): Promise<void> => {
      committed += count;
      while (handled < 2 * committed) await sleep(5);
    };
    const hosts = [none, idle, busy];
    bench.progress("all are warming up");
    for (const { runtime } of hosts) await warmUp(runtime, cartOf);
    await drained(warmUpCommands);
    const what = "1,000 carts, 64 at once, 2 subscriptions";
    const against = "no subscriptions";
    const quiet = await compare(bench, `${what} to nothing`, sideOf(none), sideOf(idle));
    const { value, ratio } = quiet;
    rows.push({ name: `${what} to nothing`, value, unit: "commands/s", ratio, against, bound: { floor: 0.9 } });
    const all = await compare(bench, `${what} to all`, sideOf(none), sideOf(busy, drained));
    rows.push({
      name: `${what} to all`,
      value: all.value,
      unit: "commands/s",
      ratio: all.ratio,
      against,
      bound: null,
    });
    await Promise.all(hosts.map((host) => host.close()));
    return rows;
  },
};

/** What timers cost that are due tomorrow. */
export const timers: Benchmark = {
  name: "timers",
  async run(bench) {
    const pending = bench.quick ? 20_000 : 100_000;
    const seconds = bench.quick ? 3 : 10;
    const what = `${pending.toLocaleString("en")} pending timers, idle`;
    const children = [0, pending].map((count) => ({
      count,
      child: startChild<IdleQuestion, IdleAnswer>("pending-timers", join(bench.folder)),
    }));
    try {
      const used: { readonly none: number; readonly many: number }[] = [];
      bench.progress(`${what}: they are being set`);
      for (const { count, child } of children) await child.ask({ pending: count, ms: 0 });
      // What is left of setting them, garbage for example, is no part of it.
      await sleep(bench.quick ? 500 : 2_000);
      for (let round = 1; round <= bench.rounds; round++) {
        bench.progress(`${what}: round ${round} of ${bench.rounds}, ${seconds} s`);
        // At the same time: then a machine that is busy with something else is so for both.
        const [none, many] = await Promise.all(
          children.map(({ count, child }) => child.ask({ pending: count, ms: seconds * 1_000 })),
        );
        used.push({ none: none?.cpuMs ?? Number.NaN, many: many?.cpuMs ?? Number.NaN });
      }
      const share = (ms: number): number => ms / (seconds * 10);
      const row = { unit: "% of a core", ratio: null, against: null };
      return [
        {
          ...row,
          name: `${what}: more CPU than none`,
          value: share(Math.max(0, median(used.map(({ none, many }) => many - none)))),
          bound: { ceiling: 0.5 },
        },
        { ...row, name: "CPU with none", value: share(median(used.map(({ none }) => none))), bound: null },
      ];
    } finally {
      await Promise.all(children.map(({ child }) => child.close()));
    }
  },
};
