import type { StormAnswer, StormQuestion } from "./children/overload-client.ts";
import type { Listening, Measured, OverloadQuestion } from "./children/overload-server.ts";
import { startChild } from "./children/process.ts";
import type { Benchmark, Row } from "./harness.ts";
import { compareStored, disturbedMs, goodput, latencies, offeredOf, percentile, type Offered } from "./storm.ts";

/** Commands per second that the store takes, that are offered to it, and that are an ordinary load. */
const cap = 500;
const offeredPerSecond = 10 * cap;
const ordinary = cap / 2;
/** Beside the hot cart. */
const besides = cap / 5;

const timeoutMs = 30_000;

/**
 * What the server may need above what it has when it is warm: 6,000 connections, of which each has a request under way, at
 * 30 KB, the young generation (3 semi-spaces of 16 MB), and as much again for what the collector has not come to yet.
 */
const growthMbMax = 350;

/** Once, not in rounds: the cap is the measure, not another program. */
export const overload: Benchmark = {
  name: "overload",
  async run(bench) {
    const seconds = bench.seconds ?? (bench.quick ? 10 : 60);
    const stormMs = 1_000 * seconds;
    const calmMs = Math.min(5_000, stormMs / 2);
    const afterMs = Math.min(10_000, stormMs);
    const hotMs = Math.min(15_000, stormMs);
    const server = startChild<OverloadQuestion, Listening | Measured>("overload-server", bench.folder);
    const client = startChild<StormQuestion, StormAnswer>("overload-client", bench.folder);
    try {
      bench.progress("overload: the server is warming up");
      // What is answered to which question.
      const { port } = (await server.ask({ cap })) as Listening;
      bench.progress(`overload: ${seconds} s, and before and after it (one round)`);
      const many = [
        { perSecond: ordinary, ms: calmMs },
        { perSecond: offeredPerSecond, ms: stormMs },
        { perSecond: ordinary, ms: afterMs },
      ];
      const storm = await client.ask({ port, name: "storm", many, timeoutMs });
      bench.progress("overload: all of it to one cart");
      const beside = await client.ask({
        port,
        name: "hot",
        many: [{ perSecond: besides, ms: hotMs }],
        hot: [{ perSecond: offeredPerSecond, ms: hotMs }],
        timeoutMs,
      });
      bench.progress("overload: what was stored");
      const measured = (await server.ask({ measured: true })) as Measured;
      const all = offeredOf("storm", storm);
      const hot = offeredOf("hot", beside);
      const { lost, uninvited } = compareStored([...all, ...hot], measured.keys);
      const none: Pick<Row, "unit" | "ratio" | "against" | "bound"> = {
        unit: "commands",
        ratio: null,
        against: null,
        bound: { ceiling: 0 },
      };
      return [
        ...stormRows(all, calmMs, calmMs + stormMs),
        ...memoryRows(measured, storm.from + calmMs, stormMs),
        ...hotRows(hot, hotMs),
        { ...none, name: "accepted, but not stored once", value: lost },
        { ...none, name: "refused, but stored", value: uninvited },
        { ...none, unit: "connections", name: "the client's", value: storm.connections, bound: null },
        { ...none, unit: "% of a core", name: "the client's, all the time", value: 100 * storm.load, bound: null },
      ];
    } finally {
      await Promise.all([client.close(), server.close()]);
    }
  },
};

function stormRows(all: readonly Offered[], from: number, to: number): readonly Row[] {
  const before = latencies(
    all.filter(({ sent }) => sent < from),
    "accepted",
  );
  // Nobody minds 50 ms; a slow machine has its own idea of what is ordinary.
  const ordinaryMs = Math.max(50, 3 * percentile(before, 0.99));
  const storm = all.filter(({ sent }) => sent >= from && sent < to);
  // What came in before the queues were full is not how it goes on.
  const steady = from + Math.min(5_000, (to - from) / 4);
  const accepted = latencies(storm, "accepted");
  const refused = latencies(storm, "refused");
  const good = goodput(all, steady, to);
  const count = (end: Offered["end"]): number => all.filter((one) => one.end === end).length;
  const ms = { unit: "ms", ratio: null, against: null, bound: null };
  return [
    {
      name: `${offeredPerSecond.toLocaleString("en")}/s offered to ${cap}/s: accepted`,
      value: good,
      unit: "commands/s",
      ratio: good / cap,
      against: "the store's cap",
      bound: { floor: 0.7 },
    },
    {
      name: "refused with 429 or 503 and Retry-After",
      value: (1_000 * refused.length) / (to - from),
      unit: "commands/s",
      ratio: refused.length / (storm.length - accepted.length),
      against: "all that were not accepted",
      bound: { floor: 1 },
    },
    {
      ...ms,
      name: "other answers, or none in 30 s",
      value: count("failed") + count("unanswered"),
      unit: "commands",
      bound: { ceiling: 0 },
    },
    { ...ms, name: "accepted before it, p50", value: percentile(before, 0.5) },
    { ...ms, name: "accepted before it, p99", value: percentile(before, 0.99) },
    { ...ms, name: "accepted, p50", value: percentile(accepted, 0.5) },
    { ...ms, name: "accepted, p99", value: percentile(accepted, 0.99) },
    { ...ms, name: "refused, p50", value: percentile(refused, 0.5) },
    { ...ms, name: "refused, p99", value: percentile(refused, 0.99) },
    {
      ...ms,
      name: `normal again for ${ordinary}/s after`,
      value: disturbedMs(all, to, ordinaryMs) / 1_000,
      unit: "s",
      bound: { ceiling: 5 },
    },
  ];
}

function memoryRows({ memory }: Measured, from: number, ms: number): readonly Row[] {
  const within = (begin: number, end: number): readonly number[] =>
    memory.filter(([at]) => at >= from + begin * ms && at < from + end * ms).map(([, mb]) => mb);
  const before = memory.findLast(([at]) => at < from)?.[1] ?? Number.NaN;
  const mean = (values: readonly number[]): number => values.reduce((sum, mb) => sum + mb, 0) / values.length;
  const peak = Math.max(...within(0, Infinity));
  const last = mean(within(0.75, 1));
  return [
    { name: "peak RSS of the server", value: peak, unit: "MB", ratio: null, against: null, bound: null },
    {
      name: "its growth by the overload",
      value: peak - before,
      unit: "MB",
      ratio: null,
      against: null,
      bound: { ceiling: growthMbMax },
    },
    {
      name: "its RSS in the last quarter",
      value: last,
      unit: "MB",
      ratio: last / mean(within(0.25, 0.5)),
      against: "its second quarter",
      // In a short run the heap is still finding its size.
      bound: ms < 60_000 ? null : { ceiling: 1.15 },
    },
  ];
}

function hotRows(all: readonly Offered[], ms: number): readonly Row[] {
  const others = all.filter(({ hot }) => !hot);
  const accepted = latencies(others, "accepted");
  const hot = all.filter((one) => one.hot);
  return [
    {
      name: `${besides}/s beside ${offeredPerSecond.toLocaleString("en")}/s to one cart`,
      value: (1_000 * accepted.length) / ms,
      unit: "commands/s",
      ratio: accepted.length / others.length,
      against: "offered to the other carts",
      bound: { floor: 0.7 },
    },
    { name: "their p99", value: percentile(accepted, 0.99), unit: "ms", ratio: null, against: null, bound: null },
    {
      name: "accepted of the hot cart",
      value: goodput(hot, ms / 4, ms),
      unit: "commands/s",
      ratio: null,
      against: null,
      bound: null,
    },
  ];
}
