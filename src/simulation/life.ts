import type { App } from "../core/app.ts";
import { isHoldfastError } from "../core/errors.ts";
import { leaseMs } from "../core/delivery/progress.ts";
import { createStep, type ClientPorts, type Step } from "./client.ts";
import { randomFor } from "./faults.ts";
import { createOperator, type OperatorPorts } from "./operator.ts";
import type { Waiting } from "./target.ts";

/** What a world's life is made of. */
export interface LifePorts extends ClientPorts, OperatorPorts {
  readonly next: App | undefined;
  readonly clients: number;
  readonly steps: number;
  readonly instances: number;
  readonly skewMs: number;
  /** What one step of a client does. */
  run(step: Step): unknown;
  /** What is done when nothing fails any more. */
  readonly runLast: ((step: Step) => unknown) | undefined;
  onHealed(): void;
  /** Whether the step of that name is taken. */
  isTaken(name: string): boolean;
}

/** Clients' requests come once more after this time at most, milliseconds: past the window of their keys. */
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
  const operator = createOperator(ports);
  const rolledOut = next && fates.site("deploy").pick(["deploy"]) ? rollOut(ports, next) : undefined;
  const operated = operator?.work();
  const outage = fates.site("outage").pick(["outage"])
    ? scheduler.sleep(5_000 * randomFor(seed, "outage")()).then(() => cluster.crash())
    : undefined;
  const clients = Array.from({ length: ports.clients }, (_, i) => client(ports, i + 1));
  await Promise.all([...clients, rolledOut, outage, operated]);
  if (ports.target.aftermathMs > 0) await scheduler.sleep(ports.target.aftermathMs);
  fates.heal();
  note("world", "nothing fails any more");
  cluster.thaw();
  ports.onHealed();
  if (ports.runLast) {
    // Those that died last are followed by others.
    await cluster.ready();
    await runStep(ports, 0, 1, ports.runLast);
  }
  // What is late, or comes twice, has come by then.
  await scheduler.sleep(45_000);
  await cluster.shrink(1);
  let waiting = await rest(ports);
  if (operator && waiting.length === 0) {
    await operator.cleanUp();
    waiting = await rest(ports);
  }
  if (stale.length === 0 || waiting.length > 0) return waiting;
  // All sleep: for a day and more, or not quite as long.
  const random = randomFor(seed, "stale");
  await cluster.shrink(0);
  await scheduler.sleep(random() < 0.5 ? staleMs : staleMs * random());
  await cluster.shrink(1);
  for (const [i, request] of stale.entries()) {
    note(`late${i}`, `${request.entity} ${request.id} ${request.command} ${request.key}`);
    const member = cluster.pick(() => 0);
    // Whatever it is told is observed.
    await member?.runtime.execute(request).catch(() => {});
  }
  return rest(ports);
}

/** Newer code takes the place of the older one, at once or at the second attempt. */
async function rollOut({ seed, app, scheduler, fates, cluster, note }: LifePorts, next: App): Promise<void> {
  const isRolledBack = fates.site("deploy").pick(["rollback"]) !== undefined;
  await scheduler.sleep(3_000 * randomFor(seed, "deploy")());
  await cluster.rollOut(next);
  if (!isRolledBack) return;
  note("world", "the new code is rolled back");
  await cluster.rollOut(app);
  await cluster.rollOut(next);
}

async function client(ports: LifePorts, number: number): Promise<void> {
  const pace = randomFor(ports.seed, `pace ${number}`);
  for (let n = 1; n <= ports.steps; n++) {
    await ports.scheduler.sleep(1_000 * pace() ** 2);
    await runStep(ports, number, n, ports.run);
  }
}

async function runStep(ports: LifePorts, client: number, n: number, run: LifePorts["run"]): Promise<void> {
  const name = `c${client}.${n}`;
  if (!ports.isTaken(name)) return;
  try {
    await run(createStep(ports, client, n));
  } catch (error) {
    // Of the step itself, not of what it has asked for.
    if (!isHoldfastError(error) || error.code === "invalid-options") throw error;
    ports.note(name, `ends with ${error.code}`);
  }
}

/** Until nothing is left to be done. Answers what waits though nothing holds it back. */
async function rest(ports: LifePorts): Promise<readonly string[]> {
  const { scheduler, cluster, target, app, next: newest = app } = ports;
  const until = scheduler.now() + restMs;
  for (;;) {
    let waiting = await target.waiting(newest, scheduler.now());
    if (isAtRest(waiting, until)) {
      // What has not been read yet, or was not handed out, waits nowhere; what somebody else consumed waits for the lease's end.
      await scheduler.sleep(leaseMs + 2 * ports.skewMs + 1_000 + target.lateMs);
      await cluster.pick(() => 0)?.delivery.idle();
      waiting = await target.waiting(newest, scheduler.now());
      if (isAtRest(waiting, until)) return [];
    }
    if (scheduler.now() >= until) return waiting.overdue;
    const { overdue, nextAt = 0 } = waiting;
    const laterMs = overdue.length > 0 ? 1_000 : nextAt - scheduler.now() + ports.skewMs;
    await scheduler.sleep(Math.max(1_000, laterMs));
  }
}

function isAtRest({ overdue, nextAt = Infinity }: Waiting, until: number): boolean {
  return overdue.length === 0 && nextAt > until;
}
