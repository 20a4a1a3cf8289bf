import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "holdfast/testing";
import { check } from "./checkers/index.ts";
import { countsOf, type Counts } from "./counts.ts";
import { startClients, type Clients } from "./clients.ts";
import { chooseTreatment, planOf, type Kind, type Step } from "./faults.ts";
import type { Full, Observed } from "./observed.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { startRecorder, type Recorder } from "./recorder.ts";
import type { Target, World } from "./target.ts";

export interface Round {
  readonly seed: number;
  readonly kind: Kind;
  /** Empty if all promises were kept. */
  readonly violations: readonly string[];
  readonly counts: Counts;
}

/** One round on a store of its own: what the seed plans, a workload meanwhile, and everything that is left to be checked. */
export async function runRound(target: Target, seed: number): Promise<Round> {
  const { clients: count, attemptTimeoutMs, recoveryTimeoutMs, speed } = target;
  const plan = planOf(seed, target.leaseMs, target.lacks);
  const random = createRandom(seed + 1_000_000);
  let rough = plan.isNetworkRough;
  const recorder = await startRecorder();
  const proxies: Proxy[] = [];
  const full: Full[] = [];
  let opened: World | undefined;
  try {
    const world = await target.open({
      processes: plan.processes,
      recorder: recorder.url,
      random: createRandom(seed + 2_000_000),
      async route(_, upstream, isKept) {
        const proxy = await startProxy(upstream, () => (rough ? chooseTreatment(random, isKept) : { kind: "pass" }));
        proxies.push(proxy);
        return proxy.address;
      },
    });
    opened = world;
    const clients = startClients({ seed, urls: world.urls, send: world.send, clients: count, attemptTimeoutMs, speed });
    const done = { kills: 0, stops: 0, takeovers: 0 };
    const late: string[] = [];
    const follow = async (track: readonly Step[]): Promise<void> => {
      for (const step of track) {
        if (!(await hasMoved(clients, recorder, recoveryTimeoutMs))) late.push(`nothing goes on before ${step.kind}`);
        await sleep(step.afterMs);
        await takeStep(step, world, done, full);
      }
    };
    await Promise.all(plan.tracks.map(follow));
    rough = false;
    await clients.stop(recoveryTimeoutMs);
    const again = await clients.again(40);
    const seen = { clients, recorder, again, full, interruptions: done.kills + done.stops + full.length, late };
    // Half-open connections end, as they do when the network is back: a server waits for what they owe it.
    for (const proxy of proxies) proxy.cut();
    await settle(world, seen, recoveryTimeoutMs);
    await sleep(target.leaseMs * 1.2);
    const ended = await world.close();
    const observed = await observe(world, seen, ended);
    return { seed, kind: plan.kind, violations: check(observed), counts: countsOf(observed, clients, done, proxies) };
  } finally {
    await opened?.remove();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await recorder.close();
  }
}

/** Whether something was answered, and delivered, since the last call: else there is nothing to break. */
async function hasMoved(clients: Clients, { sightings }: Recorder, timeoutMs: number): Promise<boolean> {
  const before = { told: clients.told.length, seen: sightings.length };
  for (const until = performance.now() + timeoutMs; performance.now() < until; await sleep(5)) {
    if (clients.told.length > before.told && sightings.length > before.seen) return true;
  }
  return false;
}

async function takeStep(
  { kind, victims, lastsMs }: Step,
  world: World,
  done: { kills: number; stops: number; takeovers: number },
  full: Full[],
): Promise<void> {
  switch (kind) {
    case "kill":
      await Promise.all(victims.map(world.kill));
      done.kills += victims.length;
      await sleep(lastsMs);
      await Promise.all(victims.map(world.restart));
      break;
    case "stop":
      await Promise.all(victims.map(world.suspend));
      done.stops += victims.length;
      await sleep(lastsMs);
      for (const victim of victims) done.takeovers += await world.resume(victim);
      break;
    case "full": {
      const storable = await world.fill();
      const from = performance.now();
      await sleep(lastsMs);
      full.push({ span: { from, to: performance.now() }, storable });
      await world.makeRoom();
      break;
    }
    case "calm":
      await sleep(lastsMs);
  }
}

interface Seen {
  readonly clients: Clients;
  readonly recorder: Recorder;
  readonly again: Observed["again"];
  readonly full: readonly Full[];
  readonly interruptions: number;
  readonly late: readonly string[];
}

async function observe(world: World, seen: Seen, ended: readonly string[] = []): Promise<Observed> {
  const { clients, recorder, again, full, interruptions, late } = seen;
  const { told, shown, watched, wire, jobs, odd } = clients;
  return {
    ...(await world.state()),
    sightings: [...recorder.sightings],
    deeds: [...recorder.deeds],
    acknowledged: told.flatMap(({ entity, input, result }) => (entity === "source" && result.ok ? [input.mark] : [])),
    jobs,
    interruptions,
    told,
    shown,
    watched,
    again,
    wire,
    full,
    odd: [...odd, ...late, ...ended],
  };
}

/** Waits until everything has come right, as far as it does: what is missing then is missing for good. */
async function settle(world: World, seen: Seen, timeoutMs: number): Promise<void> {
  for (const until = performance.now() + timeoutMs; performance.now() < until; ) {
    const from = performance.now();
    if (check(await observe(world, seen)).length === 0) return;
    // Looking is not to be what everything waits for.
    await sleep(Math.max(100, 4 * (performance.now() - from)));
  }
}
