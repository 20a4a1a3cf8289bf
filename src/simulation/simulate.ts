import type { App } from "../core/app.ts";
import { HoldfastError } from "../core/errors.ts";
import type { FaultKind } from "./faults.ts";
import type { Violation, WorldOptions } from "./options.ts";
import { shrink, type Needed } from "./shrink.ts";
import { runWorld, type Kept, type WorldReport } from "./world.ts";

export interface SimulationOptions<Services = undefined, Outside = undefined> extends WorldOptions<Services, Outside> {
  /** How many worlds. Default 100. */
  readonly seeds?: number;
  /** The first one's seed. Default 1. */
  readonly from?: number;
  /** Only this world, as a failure has named it. */
  readonly replay?: string;
  /** Runs each world twice and compares; else only the first. Default false. */
  readonly twice?: boolean;
  /** Worlds that are tried to find a shorter one that fails, too. Default 300. */
  readonly shrinkMax?: number;
  /** Called after each world. What it returns is waited for. */
  readonly onWorld?: (report: WorldReport) => unknown;
}

/** What was simulated. */
export interface SimulationReport {
  readonly seeds: number;
  /** Requests that instances got. */
  readonly requests: number;
  /** Commands that were stored. */
  readonly entries: number;
  /** Runs of handlers. */
  readonly handled: number;
  /** How often each kind of fault has happened. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
}

/** A world that has broken a promise, as short as it could be made. */
export interface SimulationFailure {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** For `replay`. */
  readonly replay: string;
  /** What happened in it, a line each. */
  readonly lines: readonly string[];
}

/** Lines of a trace that a message shows. */
const linesMax = 80;
/** Names that a replay is made of; a world that needs more is shown whole. */
const namesMax = 60;

/**
 * Runs an app in many worlds in which everything goes wrong that can, and looks for one in which a promise is broken:
 * Holdfast's own ones, and the app's `invariants`. All is simulated but the code: clocks, networks, stores, crashes. A seed
 * gives the same world each time, as long as handlers use no clock, chance or I/O of their own.
 *
 * @throws HoldfastError `simulation-failed`; `details` is a {@link SimulationFailure}, the message tells it
 */
export async function simulate<Services, Outside>(
  app: App<unknown, Services>,
  options: SimulationOptions<Services, Outside>,
): Promise<SimulationReport> {
  const { seeds = 100, from = 1, replay, twice = false, shrinkMax = 300, onWorld, ...world } = options;
  const totals = { seeds: 0, requests: 0, entries: 0, handled: 0 };
  const faults: Partial<Record<FaultKind, number>> = {};
  const only = replay === undefined ? undefined : parseReplay(replay);
  const run = (seed: number, keep: Kept | undefined, lines = false): Promise<WorldReport> =>
    runWorld(app, world, { seed, keep, lines });

  const first = only?.seed ?? from;
  for (let seed = first; seed < first + (only ? 1 : seeds); seed++) {
    const report = await run(seed, only?.keep, only !== undefined);
    totals.seeds++;
    totals.requests += report.counts.requests;
    totals.entries += report.counts.entries;
    totals.handled += report.counts.handled;
    for (const { kind } of report.faults) faults[kind] = (faults[kind] ?? 0) + 1;
    if (report.violations.length > 0) throw await failure(report, only);
    if ((twice || seed === first) && (await run(seed, only?.keep)).trace !== report.trace) throw notTheSame(seed);
    await onWorld?.(report);
  }
  return { ...totals, faults };

  async function failure(
    failed: WorldReport,
    only: { readonly keep: Kept | undefined } | undefined,
  ): Promise<HoldfastError> {
    const { seed } = failed;
    const shrunk = only
      ? { needed: { faults: failed.faults.map(({ id }) => id), steps: failed.steps }, report: failed }
      : await shrink(failed, (needed) => run(seed, keptOf(needed)), shrinkMax);
    const { needed } = shrunk;
    const { lines, violations } = only ? failed : await run(seed, keptOf(needed), true);
    const names = [...needed.faults, ...needed.steps];
    const again = [seed, ...(names.length > namesMax ? [] : names)].join(" ");
    return simulationFailed({ seed, violations, replay: again, lines }, needed);
  }
}

function keptOf({ faults, steps }: Needed): Kept {
  return { faults: new Set(faults), steps: new Set(steps) };
}

/** `4711 i2.append#4 c1.7`: the seed, and if they are named, all faults and steps that happen. */
function parseReplay(replay: string): { readonly seed: number; readonly keep: Kept | undefined } {
  const [first = "", ...names] = replay.trim().split(/\s+/);
  const seed = Number(first);
  if (!Number.isSafeInteger(seed)) {
    throw new HoldfastError("invalid-options", `The replay ${JSON.stringify(replay)} does not begin with a seed.`);
  }
  if (names.length === 0) return { seed, keep: undefined };
  return {
    seed,
    keep: keptOf({
      faults: names.filter((name) => name.includes("#")),
      steps: names.filter((name) => !name.includes("#")),
    }),
  };
}

function simulationFailed(failure: SimulationFailure, { faults, steps }: Needed): HoldfastError {
  const { seed, violations, replay, lines } = failure;
  const shown =
    lines.length > linesMax ? [...lines.slice(0, linesMax), `... and ${lines.length - linesMax} lines`] : lines;
  const message = [
    `Seed ${seed} breaks a promise:`,
    ...violations.map(({ checker, message }) => `  ${checker}: ${message}`),
    `It takes ${steps.length} steps of clients and ${faults.length} faults:`,
    ...shown.map((line) => `  ${line}`),
    `To see it again: replay: ${JSON.stringify(replay)}`,
  ].join("\n");
  return new HoldfastError("simulation-failed", message, { details: failure });
}

function notTheSame(seed: number): HoldfastError {
  return new HoldfastError(
    "simulation-failed",
    `Seed ${seed} was another world the second time. Something in the app is not deterministic: a handler or a service that uses a clock, chance, or what an earlier world has left behind.`,
  );
}
