import type { App } from "../core/app.ts";
import { isHoldfastError } from "../core/errors.ts";
import { subscriptionName } from "../core/delivery/subscriptions.ts";
import { queueConsumer } from "../core/delivery/workers.ts";
import type { Principal } from "../core/entity/types.ts";
import type { CommandRequest } from "../core/runtime/requests.ts";
import type { Remote } from "./calls.ts";
import { check } from "./checkers/index.ts";
import { createStep } from "./client.ts";
import { createCluster } from "./cluster.ts";
import { readStreams, type Evidence } from "./evidence.ts";
import { createFates, defaultFaults, hashOf, randomFor, type Fault, type Faults } from "./faults.ts";
import { createHistory } from "./history.ts";
import { checkInvariants } from "./invariants.ts";
import type { Unreliable, Violation, WorldOptions } from "./options.ts";
import { createScheduler } from "./scheduler.ts";
import { createMemoryTarget, type Target } from "./target.ts";

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
/** Clients' requests come once more after this time, milliseconds: past the window of their keys. */
const staleMs = 25 * 3_600_000;
/** How long a world may take to come to rest, milliseconds. */
const restMs = 2 * 3_600_000;
/** Of the scheduler: hundreds of times what a world of ordinary size takes. */
const stepsMax = 1_000_000;

const anonymous: Principal = { kind: "anonymous", id: "anonymous", tenant: "default", claims: {} };
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
  const target = options.target?.() ?? createMemoryTarget();
  // Without `outside` there is nothing there, and the types say so.
  const outside = options.outside?.() as Outside;
  const lines: string[] = [];
  const made: string[] = [];
  const stale: CommandRequest[] = [];
  let trace = 0;

  function note(who: string, what: string): void {
    const ms = Math.round((scheduler.now() - beginning) * 10) / 10;
    trace = hashOf(`${ms}${who}${what}`, trace);
    if (wantLines) lines.push(`${(ms / 1_000).toFixed(4).padStart(10)} s  ${who.padEnd(6)} ${what}`);
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
  const ports = { seed, scheduler, fates, cluster, history, principal, ownKeys, stale, note };

  async function client(number: number): Promise<void> {
    const pace = randomFor(seed, `pace ${number}`);
    for (let n = 1; n <= steps; n++) {
      await scheduler.sleep(1_000 * pace() ** 2);
      const step = createStep(ports, number, n);
      const name = `c${number}.${n}`;
      if (keep?.steps && !keep.steps.has(name)) continue;
      made.push(name);
      try {
        await options.step(step);
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        note(name, `ends with ${error.code}`);
      }
    }
  }

  async function live(): Promise<readonly string[]> {
    await cluster.start(instances);
    const rollOut =
      next && fates.site("deploy").pick(["deploy"])
        ? scheduler.sleep(3_000 * random()).then(() => cluster.rollOut(next))
        : undefined;
    await Promise.all(Array.from({ length: clients }, (_, i) => client(i + 1)));
    await rollOut;
    fates.heal();
    note("world", "nothing fails any more");
    cluster.thaw();
    // What is late, or comes twice, has come by then.
    await scheduler.sleep(45_000);
    await cluster.shrink(1);
    let waiting = await rest();
    if (stale.length === 0 || waiting.length > 0) return waiting;
    // All sleep for a day, and more.
    await cluster.shrink(0);
    await scheduler.sleep(staleMs);
    await cluster.shrink(1);
    for (const [i, request] of stale.entries()) {
      note(`late${i}`, `${request.entity} ${request.id} ${request.command} ${request.key}`);
      // Whatever it is told is observed.
      await cluster
        .pick(() => 0)
        ?.runtime.execute(request)
        .catch(() => {});
    }
    waiting = await rest();
    return waiting;
  }

  /** Until nothing is left to be done. Answers what waits though nothing holds it back. */
  async function rest(): Promise<readonly string[]> {
    const until = scheduler.now() + restMs;
    for (;;) {
      let waiting = await waitingAt(app, next, target, scheduler.now());
      if (isAtRest(waiting, until)) {
        // What has not been read yet waits nowhere.
        await cluster.pick(() => 0)?.delivery.idle();
        waiting = await waitingAt(app, next, target, scheduler.now());
        if (isAtRest(waiting, until)) return [];
      }
      if (scheduler.now() >= until) return waiting.overdue;
      const { overdue, nextAt = 0 } = waiting;
      const laterMs = overdue.length > 0 ? 1_000 : nextAt - scheduler.now() + faults.skewMs;
      await scheduler.sleep(Math.max(1_000, laterMs));
    }
  }

  const life = live();
  const end = await scheduler.run(life, stepsMax);
  const thrown = end === "over" ? await life.then(() => undefined, describeError) : undefined;
  const report = (violations: readonly Violation[], entries: number): WorldReport => ({
    seed,
    violations,
    trace,
    lines,
    faults: fates.fired,
    steps: made,
    counts: { requests: history.operations.length, entries, handled: history.handled.length },
  });
  if (end !== "over") {
    const message =
      end === "stuck"
        ? "The world has come to a halt: a step or a handler waits for something that is not in it, a real timer or I/O."
        : `The world has not come to rest after ${stepsMax} steps.`;
    return report([{ checker: "rest", message }], 0);
  }
  if (thrown !== undefined) return report([{ checker: "step", message: thrown }], 0);
  const waiting = await life;
  // What is over is looked at as it is: the journal answers at once, outside of the world's time.
  const newest = next && fates.fired.some(({ kind }) => kind === "deploy") ? next : app;
  const streams = await readStreams(newest, [principal.tenant, "default"], target);
  const dead = await target.store.dead({ limit: 1_000_000 });
  const evidence: Evidence = {
    app: newest,
    apps: newest === app ? [app] : [newest, app],
    streams,
    history,
    dead,
    waiting,
    now: scheduler.now(),
    skewMs: faults.skewMs,
    ownKeys,
  };
  const violations = [...check(evidence), ...checkInvariants(evidence, options.invariants ?? {}, outside)];
  for (const { key, records } of streams.values()) {
    for (const { id, entries } of records) trace = hashOf(`${key}${id}${entries}`, trace);
  }
  let entries = 0;
  for (const stream of streams.values()) entries += stream.entries.length;
  return report(violations, entries);
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

interface Waiting {
  /** What is due though nobody has handled it. */
  readonly overdue: readonly string[];
  /** When the next one is due, epoch milliseconds. */
  readonly nextAt: number | undefined;
}

function isAtRest({ overdue, nextAt = Infinity }: Waiting, until: number): boolean {
  return overdue.length === 0 && nextAt > until;
}

async function waitingAt(app: App, next: App | undefined, { store }: Target, now: number): Promise<Waiting> {
  const overdue: string[] = [];
  let earliest: number | undefined;
  for (const consumer of consumersOf(next ?? app)) {
    const { messages, nextAt, parkedAt } = await store.due(consumer, { now, limit: 5 });
    for (const { id, stream, name } of messages) {
      overdue.push(`${consumer}: message ${id} ${name ?? ""} ${stream ? `${stream.entity} ${stream.id}` : ""}`);
    }
    if (parkedAt !== undefined) overdue.push(`${consumer}: parked until ${parkedAt - now} ms from now`);
    if (nextAt !== undefined) earliest = Math.min(earliest ?? nextAt, nextAt);
  }
  return { overdue, nextAt: earliest };
}

/** Those that have an end to what they do; cron timers always wait for the next tick. */
function consumersOf(app: App): readonly string[] {
  return [
    "sends",
    "timers",
    ...[...app.subscriptions.keys()].map(subscriptionName),
    ...[...app.workers.values()].map(({ queue }) => queueConsumer(queue)),
  ];
}
