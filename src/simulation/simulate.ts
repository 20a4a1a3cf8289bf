import type { App } from "../core/app.ts";
import { HoldfastError } from "../core/errors.ts";
import { checkOptions } from "./checked-options.ts";
import type { FaultKind } from "./faults.ts";
import type { Violation, WorldOptions } from "./options.ts";
import { formatReplay, parseReplay } from "./replay.ts";
import { shrink, type Needed } from "./shrink.ts";
import { runWorld, type Kept, type WorldReport } from "./world.ts";

export interface SimulationOptions<Services = undefined, Outside = undefined> extends WorldOptions<Services, Outside> {
  /** How many worlds, at least 1. Default 100. */
  readonly seeds?: number;
  /** The first one's seed, a whole number from 0 to 2^32 - 1. Default 1. */
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
  /**
   * What steps were told, and how often: `ok`, codes of rejections and errors. Where hardly anything is `ok` the steps
   * achieve nothing, and no promise was put to the test.
   */
  readonly answers: Readonly<Record<string, number>>;
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

/**
 * Runs an app in many worlds in which everything goes wrong that can, and looks for one in which a promise is broken:
 * Holdfast's own ones, and the app's `invariants`. All is simulated but the code: clocks, networks, stores, crashes. A seed
 * gives the same world each time, as long as handlers use no clock, chance or I/O of their own.
 *
 * @throws HoldfastError `simulation-failed`; `details` is a {@link SimulationFailure}, the message tells it. If the same
 * seed gave two different worlds it has no details; `invalid-options` for options that no world can be made of
 */
export async function simulate<Services, Outside>(
  app: App<unknown, Services>,
  options: SimulationOptions<Services, Outside>,
): Promise<SimulationReport> {
  checkOptions(app, options);
  const { seeds = 100, from = 1, replay, twice = false, shrinkMax = 300, onWorld, ...world } = options;
  const totals = { seeds: 0, requests: 0, entries: 0, handled: 0 };
  const faults: Partial<Record<FaultKind, number>> = {};
  const answers: Record<string, number> = {};
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
    for (const [code, count] of Object.entries(report.answers)) answers[code] = (answers[code] ?? 0) + count;
    if (report.violations.length > 0) throw await failure(report);
    if ((twice || seed === first) && (await run(seed, only?.keep)).trace !== report.trace) throw notTheSame(seed);
    await onWorld?.(report);
  }
  return { ...totals, faults, answers };

  async function failure(failed: WorldReport): Promise<HoldfastError> {
    const { seed } = failed;
    const whole = { faults: failed.faults.map(({ id }) => id), steps: failed.steps };
    // It takes long, and where real time is waited for each run is another one.
    if (failed.isEndless) return simulationFailed(failed, whole);
    const again = await run(seed, only?.keep, true);
    if (again.trace !== failed.trace || again.violations.length === 0) return notTheSame(seed);
    if (only) return simulationFailed(again, whole);
    const { needed } = await shrink(failed, (needed) => run(seed, keptOf(needed)), shrinkMax);
    const shown = await run(seed, keptOf(needed), true);
    return shown.violations.length === 0 ? notTheSame(seed) : simulationFailed(shown, needed);
  }
}

function keptOf({ faults, steps }: Needed): Kept {
  return { faults: new Set(faults), steps: new Set(steps) };
}

function simulationFailed({ seed, violations, lines }: WorldReport, needed: Needed): HoldfastError {
  const { faults, steps } = needed;
  const replay = formatReplay(seed, needed);
  const failure: SimulationFailure = { seed, violations, replay, lines };
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
    `Seed ${seed} was another world the second time. Something is not deterministic: a step, a handler, a service or \`outside\` that uses a clock, a timer, chance, or what an earlier world has left behind.`,
  );
}
