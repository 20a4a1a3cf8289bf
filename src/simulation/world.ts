import type { App } from "../core/app.ts";
import type { DeadLetter } from "../core/delivery/port.ts";
import type { Principal } from "../core/entity/types.ts";
import { defaultKeyWindow } from "../core/journal/key-window.ts";
import type { Remote } from "./calls.ts";
import { check } from "./checkers/index.ts";
import type { ClientPorts } from "./client.ts";
import { createCluster } from "./cluster.ts";
import { readStreams, type Evidence } from "./evidence.ts";
import { createFates, defaultFaults, hashOf, randomFor, type Fault, type Faults } from "./faults.ts";
import { createHistory, type Operation } from "./history.ts";
import { live } from "./life.ts";
import { checkInvariants } from "./invariants.ts";
import type { Unreliable, Violation, WorldOptions } from "./options.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { createMemoryTarget } from "./store-target.ts";
import type { Target } from "./target.ts";

/** What became of a world. */
export interface WorldReport {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Equal for two runs of the same world. */
  readonly trace: number;
  /** What happened, a line each; only where it was asked for. */
  readonly lines: readonly string[];
  readonly faults: readonly Fault[];
  /** Steps that clients have made, by name: `c3.7`. */
  readonly steps: readonly string[];
  /** What steps were told, and how often. */
  readonly answers: Readonly<Record<string, number>>;
  /** It was ended because it did not end. */
  readonly isEndless: boolean;
  /** Requests that instances got, stored entries, and runs of handlers. */
  readonly counts: { readonly requests: number; readonly entries: number; readonly handled: number };
}

/** Which parts of a world happen, by name; absent: all. */
export interface Kept {
  readonly faults?: ReadonlySet<string>;
  readonly steps?: ReadonlySet<string>;
}

export interface RunOptions {
  readonly seed: number;
  readonly keep?: Kept | undefined;
  /** Collects the trace's lines. */
  readonly lines?: boolean;
}

/** 2026-01-01T00:00:00Z */
const beginning = 1_767_225_600_000;
/** Of the scheduler: hundreds of times what a world of ordinary size takes. */
const stepsMax = 1_000_000;

const endings = {
  stuck:
    "The world has come to a halt: a step or a handler waits for something that is not in it, a real timer or I/O.",
  endless: `The world has not come to rest after ${stepsMax} steps: something goes on for ever, faults are so frequent that no instance gets anywhere, or a step waits for a real timer or I/O (wait with its own \`sleep\`).`,
} as const;

const anonymous: Principal = { kind: "anonymous", id: "anonymous", tenant: "default", claims: {} };
// The same names.
const noFaults = Object.fromEntries(Object.keys(defaultFaults).map((name) => [name, 0])) as unknown as Faults;

/** Runs one world from its beginning until all has come to rest, and checks it. The same options give the same world. */
export async function runWorld<Services, Outside>(
  app: App<unknown, Services>,
  options: WorldOptions<Services, Outside>,
  { seed, keep, lines: wantLines = false }: RunOptions,
): Promise<WorldReport> {
  const faults: Faults = options.faults === "none" ? noFaults : { ...defaultFaults, ...options.faults };
  const { principal = anonymous, clients = 20, steps = 10, instances = 3, next } = options;
  const random = randomFor(seed, "world");
  // Every other world has windows of keys so narrow that they move while it lives; keys then tell their age.
  const ownKeys = random() < 0.5;
  const limits = {
    ...(ownKeys && { keys: { foreignMs: 24 * 3_600_000, derivedMs: 15 * 24 * 3_600_000, keysMax: 64 } }),
    ...options.limits,
  };
  const scheduler = createScheduler(beginning);
  const fates = createFates(seed, faults, keep?.faults, ({ id, kind }) => note("fault", `${kind} at ${id}`));
  const history = createHistory();
  const target = options.target?.({ scheduler, fates, note }) ?? createMemoryTarget();
  // Without `outside` there is nothing there, and the types say so.
  const outside = options.outside?.() as Outside;
  const lines: string[] = [];
  const made: string[] = [];
  const dropped: DeadLetter[] = [];
  const answers: Record<string, number> = {};
  let trace = 0;
  let healedAt: number | undefined;

  function note(who: string, what: string): void {
    const tenths = Math.round((scheduler.now() - beginning) * 10);
    trace = hashOf(what, hashOf(who, trace ^ tenths));
    if (wantLines) lines.push(`${(tenths / 10_000).toFixed(4).padStart(10)} s  ${who.padEnd(6)} ${what}`);
  }
  const cluster = createCluster(app, {
    scheduler,
    fates,
    history,
    target,
    skewMs: faults.skewMs,
    limits,
    services: (remote) => options.services?.(outside, unreliableBy(remote)),
    note,
  });
  const life = live({
    seed,
    scheduler,
    fates,
    cluster,
    history,
    principal,
    ownKeys,
    note,
    target,
    app,
    next,
    apps: next ? [app, next] : [app],
    clients,
    steps,
    instances,
    stale: [],
    dropped,
    answers,
    skewMs: faults.skewMs,
    run: options.step,
    runLast: options.afterwards,
    onHealed() {
      healedAt = scheduler.now();
    },
    isTaken(name) {
      const isTaken = keep?.steps?.has(name) ?? true;
      if (isTaken) made.push(name);
      return isTaken;
    },
  });
  let violations: readonly Violation[];
  let streams: Evidence["streams"] = new Map();
  let end: Awaited<ReturnType<Scheduler["run"]>> | undefined;
  try {
    end = await scheduler.run(life, stepsMax);
    const waiting = end === "over" ? await life : [endings[end]];
    const evidence = await collect(app, next, {
      fates,
      history,
      target,
      scheduler,
      principal,
      faults,
      ownKeys,
      keys: limits.keys ?? defaultKeyWindow,
      waiting,
      healedAt,
      dropped,
    });
    streams = evidence.streams;
    violations = [...check(evidence), ...(await checkInvariants(evidence, options.invariants ?? {}, outside))];
  } catch (error) {
    // Of a step, of services that cannot be made, or of a store that cannot be read any more.
    violations = [{ checker: "step", message: describeError(error) }];
  } finally {
    target.close?.();
  }
  let entries = 0;
  for (const { key, records, entries: stored } of streams.values()) {
    entries += stored.length;
    trace = hashOf(key, trace);
    for (const { id, entries } of records) trace = hashOf(entries, hashOf(id, trace));
  }
  return {
    seed,
    violations,
    trace,
    lines,
    faults: fates.fired,
    steps: made,
    answers,
    isEndless: end === "endless",
    counts: { requests: history.operations.length, entries, handled: history.handled.length },
  };
}

/** What is over is looked at as it is: the store answers at once, outside of the world's time. */
async function collect(
  app: App,
  next: App | undefined,
  world: Pick<ClientPorts, "fates" | "scheduler" | "principal" | "history" | "ownKeys"> &
    Pick<Evidence, "waiting" | "healedAt" | "keys"> & {
      readonly target: Target;
      readonly faults: Faults;
      readonly dropped: readonly DeadLetter[];
    },
): Promise<Evidence> {
  const { fates, scheduler, principal, target, history, ownKeys, keys, waiting, healedAt } = world;
  // Of clients, workers and timers, and of whoever they ask for something.
  const tenants = new Set([principal.tenant, ...history.operations.map(tenantOf)]);
  const newest = next && fates.fired.some(({ kind }) => kind === "deploy") ? next : app;
  return {
    app: newest,
    apps: newest === app ? [app] : [newest, app],
    streams: await readStreams(newest, [...tenants], target),
    history,
    // Dropped or not: they were given up on.
    dead: [...(await target.letters.dead({ limit: 1_000_000 })), ...world.dropped],
    waiting,
    now: scheduler.now(),
    skewMs: world.faults.skewMs,
    ownKeys,
    keys,
    healedAt,
  };
}

/** The first part of a stream's key. */
function tenantOf({ stream }: Operation): string {
  return stream.slice(0, stream.indexOf("/"));
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function unreliableBy(remote: Remote): Unreliable {
  const failure = (): Error => new Error("No answer.");
  return (name, service) =>
    new Proxy(service, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) =>
          remote(`${name}.${String(property)}`, () => Reflect.apply(value, target, args) as unknown, { failure });
      },
    });
}
