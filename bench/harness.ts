import { performance } from "node:perf_hooks";

/** What a row has to hold: its ratio if it has one, else its value. */
export type Bound = { readonly floor: number } | { readonly ceiling: number };

/** One line of the table, and one element of the file that `--json` writes. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Median over the rounds of Holdfast's figure divided by that of `against`, both of the same round. */
  readonly ratio: number | null;
  readonly against: string | null;
  readonly bound: Bound | null;
}

/** What a benchmark gets from the program that runs it. */
export interface Bench {
  /** Less work and fewer rounds. */
  readonly quick: boolean;
  /** How long an overload lasts, if it was said. */
  readonly seconds: number | undefined;
  readonly rounds: number;
  /** How long one side's turn lasts where it can be chosen. */
  readonly turnMs: number;
  /** An empty folder of this run for data files; removed at the end. */
  readonly folder: string;
  /** Says what is being measured. */
  progress(text: string): void;
  /** Makes what several benchmarks share, once per run; it is closed at the end of the run. */
  shared<T>(make: (bench: Bench) => Promise<Shared<T>>): Promise<T>;
}

export interface Shared<T> {
  readonly value: T;
  close(): Promise<void>;
}

/** A unit that can be asked for by name: one comparison, one or more rows. */
export interface Benchmark {
  /** `[a-z0-9-]+` */
  readonly name: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** @throws RangeError for no numbers, or where one of them is none */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0 || numbers.some(Number.isNaN)) throw new RangeError("The median needs numbers.");
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export interface Comparison {
  /** Median of the second side's figures. */
  readonly value: number;
  /** Median of the first side's figures. */
  readonly baseline: number;
  /** Median of the per-round ratios, second to first. */
  readonly ratio: number;
}

/** Takes a turn and answers its figure: commands per second, or milliseconds. */
export type Side = () => number | Promise<number>;

/** Turns of each side in a round: short ones, so that the noise of a shared machine and its disk hits both alike. */
export const turns = 4;

/** Measures two sides in turn, A B A B ...; a round's figure is the mean of its turns. */
export async function compare(bench: Bench, what: string, baseline: Side, side: Side): Promise<Comparison> {
  const [found] = await compareAll(bench, what, baseline, [side]);
  // As many as there are sides.
  return found as Comparison;
}

/** The same of several sides, A B C A B C ..., each compared with the first. */
export async function compareAll(
  bench: Bench,
  what: string,
  baseline: Side,
  sides: readonly Side[],
): Promise<readonly Comparison[]> {
  const figures: { readonly a: number; readonly b: number }[][] = sides.map(() => []);
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`${what}: round ${round} of ${bench.rounds}`);
    let a = 0;
    const others = sides.map(() => 0);
    for (let turn = 0; turn < turns; turn++) {
      a += (await baseline()) / turns;
      for (const [i, side] of sides.entries()) others[i] = (others[i] ?? 0) + (await side()) / turns;
    }
    for (const [i, b] of others.entries()) figures[i]?.push({ a, b });
  }
  return figures.map(comparison);
}

/** @throws RangeError for no rounds */
export function comparison(figures: readonly { readonly a: number; readonly b: number }[]): Comparison {
  return {
    value: median(figures.map(({ b }) => b)),
    baseline: median(figures.map(({ a }) => a)),
    ratio: median(figures.map(({ a, b }) => b / a)),
  };
}

/** True if the row has no bound or keeps to it. */
export function holds({ value, ratio, bound }: Row): boolean {
  if (bound === null) return true;
  const figure = ratio ?? value;
  return "floor" in bound ? figure >= bound.floor : figure <= bound.ceiling;
}

/** Milliseconds that the work takes. */
export async function timed(work: () => unknown): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** What was done, and in what time. */
export interface Done {
  readonly count: number;
  readonly ms: number;
}

export function perSecond({ count, ms }: Done): number {
  return (count / ms) * 1_000;
}

/** Runs `one(0)`, `one(1)`, ... for `ms`, `width` of them at the same time, each slot refilled at once. */
export async function keepBusy(width: number, ms: number, one: (index: number) => Promise<unknown>): Promise<Done> {
  let count = 0;
  const from = performance.now();
  await slots(width, async () => {
    while (performance.now() - from < ms) await one(count++);
  });
  return { count, ms: performance.now() - from };
}

/** Runs `one(0)` to `one(count - 1)`, `width` of them at the same time, each slot refilled at once. */
export async function atOnce(width: number, count: number, one: (index: number) => Promise<unknown>): Promise<Done> {
  let next = 0;
  const ms = await timed(() =>
    slots(width, async () => {
      while (next < count) await one(next++);
    }),
  );
  return { count, ms };
}

async function slots(width: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: width }, work));
}
