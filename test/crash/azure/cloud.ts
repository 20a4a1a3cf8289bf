// What does not die: emulators of Azure's services in fast time, and hosts, each with a process for the functions.

import { setTimeout as sleep } from "node:timers/promises";
import { deploy, startHost, type Host } from "@holdfast/azure-local";
import { azurePlan } from "holdfast/azure/plan";
import { crashApp } from "../app.ts";
import { serveCloud, type Answers } from "../cloud-process.ts";
import { speedUpAll } from "./clock.ts";
import { createMember, type GivenTo, type Member } from "./member.ts";
import { speed, type Calls, type CloudOptions, type Deployed } from "./messages.ts";
import { createWaiting } from "./waiting.ts";

/** How often it is looked whether queues are empty, and for how long, milliseconds of fast time. */
const lookMs = 500;
const drainTimeoutMs = 75_000;

async function run({ code, lockSeconds, patienceMs }: CloudOptions): Promise<void> {
  let refuses = false;
  const plan = azurePlan(crashApp);
  const deployment = await deploy(plan, {
    lockSeconds,
    faults: ({ kind }) =>
      refuses && (kind === "send" || kind === "schedule") ? { refuse: "com.microsoft:server-busy" } : undefined,
  });
  const { serviceBus, tables } = deployment.emulators;
  // The emulator of Table storage has been waited for in real time.
  const origin = Date.now();
  speedUpAll(origin, speed);
  const waiting = createWaiting(serviceBus, plan);
  const members: Member[] = [];
  let hosts: readonly Host[] = [];

  function memberAt(number: number): Member {
    const member = members[number];
    if (member === undefined) throw new Error(`There is no process ${number}.`);
    return member;
  }

  const calls: Answers<Calls> = {
    async start(count, environment) {
      const givenTo: GivenTo = new Map();
      const preload = new URL("preload.ts", import.meta.url).href;
      hosts = await Promise.all(
        Array.from({ length: count }, (_, number) =>
          startHost({
            code,
            environment,
            preload,
            port: 0,
            revives: false,
            wrap: (process) => (members[number] = createMember(process, { givenTo, patienceMs })).functions,
          }),
        ),
      );
      return hosts.map(({ url }) => Number(new URL(url).port));
    },
    kill: (number) => memberAt(number).kill(),
    restart: (number) => memberAt(number).restart(),
    suspend: async (number) => memberAt(number).suspend(),
    resume: async (number) => memberAt(number).resume(),
    async refuse(isOn) {
      refuses = isOn;
    },
    waiting: async () => waiting.now(),
    async close() {
      await Promise.all(hosts.map((host) => host.stopTimers()));
      for (let waited = 0; waited < drainTimeoutMs && waiting.now().length > 0; waited += lookMs) await sleep(lookMs);
      waiting.close();
      // What a listener has under way may take its client minutes to give up; the functions have ended by then.
      for (const host of hosts) void host.stop();
      await Promise.all(hosts.map(({ functions }) => functions.ended()));
      return hosts.flatMap(({ functions: { failure } }) => (failure === undefined ? [] : [failure]));
    },
  };

  const deployed: Deployed = {
    tables: tables.endpoint,
    port: serviceBus.port,
    environment: { ...deployment.environment, HOLDFAST_LOG: "error", HOLDFAST_CRASH_ORIGIN: String(origin) },
  };
  // Processes that are stopped would not notice by themselves.
  serveCloud<Deployed, Calls>(deployed, calls, () => Promise.all(members.map((member) => member.kill())));
}

// Where a link breaks while its client waits for several things of it, the client's AMQP library rejects one that nobody looks at
// with the condition, which is no Error. It is the platform's side that this happens to, which is let be.
process.on("unhandledRejection", (reason) => {
  if (reason instanceof Error) throw reason;
  process.stderr.write(`A link has failed: ${JSON.stringify(reason)}\n`);
});

await run(JSON.parse(process.argv[2] ?? "") as CloudOptions);
