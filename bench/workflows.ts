import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { holdfast, silentLogger, systemPrincipal } from "holdfast";
import { serve, type LocalHost } from "holdfast/local";
import { workflow } from "holdfast/workflows";
import * as z from "zod";
import { compare, keepBusy, median, perSecond, type Bench, type Benchmark } from "./harness.ts";
import { createRawStore, keepRawBusy, warmUpRaw } from "./raw/store.ts";
import { cartIds, usedCommands } from "./workload.ts";

const h = holdfast();
const width = 64;
const stepsEach = 5;

/** Five steps, one after the other. */
const five = workflow("five", {
  input: z.object({}),
  concurrency: width,
  run: async (_input, ctx) => {
    for (let i = 1; i <= stepsEach; i++) await ctx.run(`step ${i}`, () => i);
  },
});

/** A long history, then a signal. */
const long = workflow("long", {
  input: z.object({ steps: z.number() }),
  signals: { end: z.object({}) },
  run: async ({ steps }, ctx) => {
    for (let i = 1; i <= steps; i++) await ctx.run(`step ${i}`, () => i);
    await ctx.until("end");
    return ctx.now();
  },
});

const sleeper = workflow("sleeper", {
  input: z.object({}),
  concurrency: width,
  run: async (_input, ctx) => ctx.sleep({ days: 30 }),
});

const ended = new Map<string, () => void>();

/** The workflows in one process, on a file; `ended` is told who has. */
async function open(bench: Bench, name: string): Promise<LocalHost> {
  const data = join(bench.folder, name);
  mkdirSync(data, { recursive: true });
  const told = h.subscription("told", {
    to: [five, long].map(({ events }) => ({ entity: events.ended.entity, type: "ended", where: new Map() }) as never),
    concurrency: 1_000,
    handle: async ({ subject }: { readonly subject: string }) => ended.get(subject)?.(),
  });
  return serve(h.app({ entities: [], subscriptions: [told], workflows: [five, long, sleeper] }), {
    port: 0,
    data,
    signals: false,
    logger: silentLogger,
  });
}

function start({ runtime }: LocalHost, entity: string, id: string, input: object): Promise<unknown> {
  return runtime.execute({ entity, id, command: "start", input, principal: systemPrincipal });
}

/** Starts it and waits for its end. */
async function whole(host: LocalHost, entity: string, id: string, input: object): Promise<void> {
  const over = new Promise<void>((resolve) => ended.set(id, resolve));
  await start(host, entity, id, input);
  await over;
  ended.delete(id);
}

function tell({ runtime }: LocalHost, id: string): Promise<unknown> {
  return runtime.execute({ entity: "long", id, command: "signal-end", input: {}, principal: systemPrincipal });
}

const steps: Benchmark["run"] = async (bench) => {
  const raw = createRawStore(join(bench.folder, "workflows-raw.db"));
  raw.seed(cartIds, usedCommands);
  const host = await open(bench, "workflows");
  let count = 0;
  const next = (): number => count++;
  warmUpRaw(raw, next);
  await keepBusy(width, 1_000, (i) => whole(host, "five", `w${i}`, {}));
  let id = 0;
  const what = `workflows of ${stepsEach} steps, ${width} at once`;
  const found = await compare(
    bench,
    what,
    () => perSecond(keepRawBusy(raw, width, bench.turnMs, next)),
    async () => {
      const { count: workflows, ms } = await keepBusy(width, bench.turnMs, () => whole(host, "five", `f${id++}`, {}));
      return perSecond({ count: workflows * stepsEach, ms });
    },
  );
  await host.close();
  raw.close();
  return [
    {
      name: what,
      value: found.value,
      unit: "steps/s",
      ratio: found.ratio,
      against: `raw (b,${width})`,
      bound: { floor: 0.3 },
    },
  ];
};

const resume: Benchmark["run"] = async (bench) => {
  const length = 1_000;
  const what = `going on behind ${length.toLocaleString("en")} steps, unseen so far`;
  const times: number[] = [];
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`${what}: round ${round} of ${bench.rounds}`);
    const name = `resume-${round}`;
    const first = await open(bench, name);
    await start(first, "long", "l", { steps: length });
    for (let facts = 0; facts <= length; await sleep(50)) {
      const { view } = await first.runtime.view({ entity: "long", id: "l", principal: systemPrincipal });
      facts = (view as { readonly facts: number }).facts;
    }
    await first.close();
    const second = await open(bench, name);
    // The code is warm, the stream is not.
    await whole(second, "five", `r${round}`, {});
    const short = whole(second, "long", `short${round}`, { steps: 10 });
    await tell(second, `short${round}`);
    await short;
    const over = new Promise<void>((resolve) => ended.set("l", resolve));
    const from = performance.now();
    await tell(second, "l");
    await over;
    times.push(performance.now() - from);
    await second.close();
  }
  const row = { ratio: null, against: null };
  return [{ ...row, name: what, value: median(times), unit: "ms", bound: { ceiling: 20 } }];
};

const asleep: Benchmark["run"] = async (bench) => {
  const count = bench.quick ? 1_000 : 10_000;
  const what = `${count.toLocaleString("en")} sleeping workflows`;
  bench.progress(`${what} (one round)`);
  const host = await open(bench, "sleepers");
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  for (let from = 0; from < count; from += width) {
    await Promise.all(
      Array.from({ length: Math.min(width, count - from) }, (_, i) => start(host, "sleeper", `s${from + i}`, {})),
    );
  }
  for (let waiting = 0; waiting < 1; await sleep(100)) {
    const { view } = await host.runtime.view({ entity: "sleeper", id: `s${count - 1}`, principal: systemPrincipal });
    waiting = (view as { readonly waiting: readonly unknown[] }).waiting.length;
  }
  await sleep(1_000);
  const cpu = process.cpuUsage();
  await sleep(2_000);
  const { user, system } = process.cpuUsage(cpu);
  const after = process.memoryUsage().rss;
  await host.close();
  const row = { ratio: null, against: null };
  return [
    { ...row, name: what, value: (after - before) / 2 ** 20, unit: "MB", bound: null },
    {
      ...row,
      name: "their processor time",
      value: (user + system) / 20_000,
      unit: "% of a core",
      bound: { ceiling: 5 },
    },
  ];
};

/** What a step costs, how soon a long one goes on, and what sleeping ones cost. */
export const workflows: Benchmark = {
  name: "workflows",
  run: async (bench) => [...(await steps(bench)), ...(await resume(bench)), ...(await asleep(bench))],
};
