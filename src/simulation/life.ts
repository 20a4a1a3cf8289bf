import type { App } from "../core/app.ts";
import { isHoldfastError } from "../core/errors.ts";
import { subscriptionName } from "../core/delivery/subscriptions.ts";
import { leaseMs } from "../core/delivery/progress.ts";
import { queueConsumer } from "../core/delivery/workers.ts";
import { createStep, type ClientPorts, type Step } from "./client.ts";
import { randomFor } from "./faults.ts";
import type { Target } from "./target.ts";

/** What a world's life is made of. */
export interface LifePorts extends ClientPorts {
  readonly target: Target;
  readonly app: App;
  readonly next: App | undefined;
  readonly clients: number;
  readonly steps: number;
  readonly instances: number;
  readonly skewMs: number;
  /** What one step of a client does. */
  run(step: Step): unknown;
  /** Whether the step of that name is taken. */
  isTaken(name: string): boolean;
}

/** Clients' requests come once more after this time, milliseconds: past the window of their keys. */
const staleMs = 25 * 3_600_000;
/** How long a world may take to come to rest, milliseconds. */
const restMs = 2 * 3_600_000;

/**
 * A world from its beginning until all has come to rest: instances start, clients work while things fail, then nothing
 * fails any more. Answers what still waits in the end though nothing holds it back.
 */
export async function live(ports: LifePorts): Promise<readonly string[]> {
  const { seed, scheduler, fates, cluster, next, stale, note } = ports;
  await cluster.start(ports.instances);
  const rollOut =
    next && fates.site("deploy").pick(["deploy"])
      ? scheduler.sleep(3_000 * randomFor(seed, "deploy")()).then(() => cluster.rollOut(next))
      : undefined;
  await Promise.all(Array.from({ length: ports.clients }, (_, i) => client(ports, i + 1)));
  await rollOut;
  fates.heal();
  note("world", "nothing fails any more");
  cluster.thaw();
  // What is late, or comes twice, has come by then.
  await scheduler.sleep(45_000);
  await cluster.shrink(1);
  const waiting = await rest(ports);
  if (stale.length === 0 || waiting.length > 0) return waiting;
  // All sleep for a day, and more.
  await cluster.shrink(0);
  await scheduler.sleep(staleMs);
  await cluster.shrink(1);
  for (const [i, request] of stale.entries()) {
    note(`late${i}`, `${request.entity} ${request.id} ${request.command} ${request.key}`);
    const member = cluster.pick(() => 0);
    // Whatever it is told is observed.
    await member?.runtime.execute(request).catch(() => {});
  }
  return rest(ports);
}

async function client(ports: LifePorts, number: number): Promise<void> {
  const { seed, scheduler, note } = ports;
  const pace = randomFor(seed, `pace ${number}`);
  for (let n = 1; n <= ports.steps; n++) {
    await scheduler.sleep(1_000 * pace() ** 2);
    const name = `c${number}.${n}`;
    if (!ports.isTaken(name)) continue;
    try {
      await ports.run(createStep(ports, number, n));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      note(name, `ends with ${error.code}`);
    }
  }
}

/** Until nothing is left to be done. Answers what waits though nothing holds it back. */
async function rest(ports: LifePorts): Promise<readonly string[]> {
  const { scheduler, cluster } = ports;
  const until = scheduler.now() + restMs;
  for (;;) {
    let waiting = await waitingAt(ports, scheduler.now());
    if (isAtRest(waiting, until)) {
      // What has not been read yet waits nowhere, and whose consumer was somebody else's waits for the lease to end.
      await scheduler.sleep(leaseMs + 2 * ports.skewMs + 1_000);
      await cluster.pick(() => 0)?.delivery.idle();
      waiting = await waitingAt(ports, scheduler.now());
      if (isAtRest(waiting, until)) return [];
    }
    if (scheduler.now() >= until) return waiting.overdue;
    const { overdue, nextAt = 0 } = waiting;
    const laterMs = overdue.length > 0 ? 1_000 : nextAt - scheduler.now() + ports.skewMs;
    await scheduler.sleep(Math.max(1_000, laterMs));
  }
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

async function waitingAt({ app, next = app, target: { store } }: LifePorts, now: number): Promise<Waiting> {
  const overdue: string[] = [];
  let earliest: number | undefined;
  for (const consumer of consumersOf(next)) {
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
