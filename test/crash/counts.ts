import { summary } from "./checkers/delivery.ts";
import { errandsIn } from "./checkers/errands.ts";
import type { Clients } from "./clients.ts";
import type { Observed, Span } from "./observed.ts";
import type { Proxy } from "./proxy.ts";

/** How much happened, to be added up: a round in which nothing happened shows nothing. */
export interface Counts {
  /** Processes that were killed. */
  readonly kills: number;
  readonly stops: number;
  /** Consumers that another process took from one that was stopped. */
  readonly takeovers: number;
  readonly fulls: number;
  /** Requests that were refused (503) while nothing could be stored. */
  readonly refusedWhileFull: number;
  /** Connections that were cut, delayed, or left half-open. */
  readonly cuts: number;
  readonly delays: number;
  readonly blackHoles: number;
  /** Answered. */
  readonly commands: number;
  readonly rejections: number;
  readonly views: number;
  readonly retries: number;
  readonly replays: number;
  readonly events: number;
  readonly deliveries: number;
  /** Deliveries of what had been delivered before. */
  readonly redeliveries: number;
  readonly sends: number;
  readonly timers: number;
  readonly jobs: number;
  readonly ticks: number;
  readonly poison: number;
  /** Workflows, how they ended, and what happened to them. */
  readonly errands: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly signals: number;
  readonly deedsAgain: number;
}

/** What there was in one round. */
export function countsOf(
  observed: Observed,
  clients: Clients,
  done: Pick<Counts, "kills" | "stops" | "takeovers">,
  proxies: readonly Proxy[],
): Counts {
  const { told, wire, full, shown, again, sightings } = observed;
  const { events, sends, timers, jobs, ticks, poison, again: redeliveries } = summary(observed);
  const sum = (of: keyof Proxy["counts"]): number => proxies.reduce((total, { counts }) => total + counts[of], 0);
  const isInFull = ({ from, to }: Span): boolean => full.some(({ span }) => from > span.from && to < span.to);
  return {
    ...done,
    fulls: full.length,
    refusedWhileFull: wire.filter(({ status, span }) => status === 503 && isInFull(span)).length,
    cuts: sum("cut"),
    delays: sum("delay"),
    blackHoles: sum("swallow"),
    commands: told.length,
    rejections: told.filter(({ result }) => !result.ok).length,
    views: shown.length,
    retries: clients.unanswered + clients.refused,
    replays: again.length,
    events,
    deliveries: sightings.length,
    redeliveries,
    sends,
    timers,
    jobs,
    ticks,
    poison,
    ...errandsIn(observed),
  };
}

/** All of them together. */
export function total(all: readonly Counts[]): Counts {
  const [first, ...rest] = all;
  if (first === undefined) throw new Error("There is nothing to add up.");
  const names = Object.keys(first) as (keyof Counts)[];
  const sums = names.map((name) => [name, rest.reduce((sum, counts) => sum + counts[name], first[name])]);
  // The same names.
  return Object.fromEntries(sums) as unknown as Counts;
}
