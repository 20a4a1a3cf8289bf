// What does not die: emulators of AWS's services in fast time, and what AWS does between them and the functions, which
// are processes of this one.

import { setTimeout as sleep } from "node:timers/promises";
import { deploy, groupOf, pollQueue, pollStream, startApi, startEmulators, startFunctions } from "@holdfast/aws-local";
import { awsPlan } from "holdfast/aws/plan";
import { createRandom } from "holdfast/testing";
import { crashApp } from "../app.ts";
import { serveCloud, type Answers } from "../cloud-process.ts";
import { speedUp } from "../local/clock.ts";
import { speed, type Calls, type CloudOptions, type Deployed } from "./messages.ts";
import { createPool, type Pool } from "./pool.ts";
import { waitingIn } from "./queues.ts";

const name = "crash";

/** Answers that are lost between functions and the cloud: a batch that was done comes again. */
const lostShare = 0.05;

/** How often schedules and the stream are looked at, real milliseconds. */
const lookMs = 50;

/** Batches of one queue at once, at most. */
const parallelMax = 2;

/** How long queues may take to become empty, real milliseconds. */
const drainTimeoutMs = 5_000;

async function run({ code, origin, visibilitySeconds, seed }: CloudOptions): Promise<void> {
  const random = createRandom(seed);
  speedUp(origin, speed);
  const plan = awsPlan(crashApp);
  const emulators = await startEmulators(groupOf(name), true);
  const deployment = await deploy(plan, name, emulators, visibilitySeconds);
  const queues = plan.queues.flatMap(({ name: queue, deadName }) => [`${name}-${queue}`, `${name}-${deadName}`]);
  const scheduling = new AbortController();
  const polling = new AbortController();
  const isLost = (): boolean => random() < lostShare;
  let pool: Pool | undefined;
  let work: Promise<unknown> = Promise.resolve();

  /** There is one from `start` on. */
  function running(): Pool {
    if (pool === undefined) throw new Error("No process was started.");
    return pool;
  }

  async function fireSchedules(): Promise<void> {
    while (!scheduling.signal.aborted) {
      await emulators.fire();
      await sleep(lookMs);
    }
  }

  const calls: Answers<Calls> = {
    async start(count, environment) {
      const preload = new URL("preload.ts", import.meta.url).href;
      const options = { code, environment, output: () => {}, preload, revives: false };
      const all = Array.from({ length: count }, () => startFunctions(options));
      pool = createPool(all, { random, patienceMs: (visibilitySeconds * 1_000) / speed });
      await Promise.all(all.map((functions) => functions.ready()));
      const { invoke } = pool;
      work = Promise.all([
        fireSchedules(),
        pollStream(deployment, invoke, polling.signal, { seconds: plan.streamSeconds, pollMs: lookMs, isLost }),
        ...plan.queues.map((queue) => {
          const parallel = Math.min(queue.parallel, parallelMax);
          return pollQueue({ ...queue, parallel }, deployment, invoke, polling.signal, isLost);
        }),
      ]);
      const apis = await Promise.all(all.map((functions) => startApi(functions.invoke, 0, plan.httpSeconds)));
      return apis.map(({ url }) => Number(new URL(url).port));
    },
    kill: (number) => running().kill(number),
    restart: (number) => running().restart(number),
    suspend: (number) => running().suspend(number),
    resume: async (number) => running().resume(number),
    async close() {
      scheduling.abort();
      for (const until = performance.now() + drainTimeoutMs; performance.now() < until; await sleep(lookMs)) {
        if ((await waitingIn(emulators.messages, queues)).length === 0) break;
      }
      polling.abort();
      await work;
      return running().stop();
    },
  };

  const deployed: Deployed = {
    emulators: { dynamo: emulators.dynamo, messages: emulators.messages },
    table: deployment.environment["HOLDFAST_TABLE"] ?? "",
    queues,
    environment: {
      ...deployment.environment,
      HOLDFAST_LOG: "error",
      HOLDFAST_CRASH_ORIGIN: String(origin),
    },
  };
  // Processes that are stopped would not notice by themselves.
  serveCloud<Deployed, Calls>(deployed, calls, () => pool?.stop() ?? Promise.resolve());
}

await run(JSON.parse(process.argv[2] ?? "") as CloudOptions);
