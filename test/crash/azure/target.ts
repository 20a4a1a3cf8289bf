import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCloud, type Cloud as CloudProcess } from "../cloud-process.ts";
import type { Address, Target, World, WorldOptions } from "../target.ts";
import { startThrottle, type Refusal } from "../throttle.ts";
import { createJobs } from "./jobs.ts";
import { speed, type Calls, type CloudOptions, type Deployed } from "./messages.ts";
import { openState } from "./state.ts";

type Cloud = CloudProcess<Deployed, Calls>;

/**
 * How soon a message comes again whose process has died, seconds of fast time: one real second. As planned it is a minute
 * or more.
 */
const lockSeconds = 15;

/**
 * For how long a host waits for a process that is stopped, milliseconds of fast time. Its locks run out a lease later; the
 * process is still stopped then, and wakes up when another one has its messages.
 */
const patienceMs = 6_000;

/** How much longer than Table storage the broker refuses everything, real milliseconds. */
const busLateMs = 700;

/** Source: learn.microsoft.com/rest/api/storageservices/table-service-error-codes */
const serverBusy: Refusal = {
  status: 503,
  type: "application/json",
  body: '{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}',
};

/**
 * The app deployed on Azure: Table storage and Service Bus in emulators that live on while processes of its functions are
 * killed and stopped. Each process has a host with listeners, timers and an address for HTTP of its own, as instances have.
 * Between the processes and the emulators connections are cut, delayed and half-opened; those of the hosts are the
 * platform's own, and are let be. Everything lives 15 times as fast.
 *
 * Full: Table storage answers that it is busy and does nothing; Service Bus refuses to take messages, and goes on with it for
 * a while when Table storage is back.
 */
export function createAzureTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-crash-azure-"));
  const code = join(folder, "app");
  const environment = { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: join(folder, "cache") };
  bundle(code, environment);
  return {
    name: "azure",
    lacks: new Map(),
    leaseMs: (lockSeconds * 1_000) / speed,
    speed,
    clients: 6,
    // The SDKs' own attempts are to end before.
    attemptTimeoutMs: 900,
    recoveryTimeoutMs: 60_000,
    open: (options) => openWorld({ code, lockSeconds, patienceMs }, environment, options),
    async close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As the shop's functions are bundled. What V8 makes of them is kept: each round starts them several times. */
function bundle(code: string, env: NodeJS.ProcessEnv): void {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const from = "test/crash/azure/functions/main.ts";
  execFileSync(process.execPath, ["scripts/build-azure.mjs", code, from], { cwd: root });
  // It does not find its environment.
  const load = `await import(${JSON.stringify(join(code, "dist/functions/azure/main.js"))}).catch(() => {});`;
  execFileSync(process.execPath, ["--input-type=module", "--eval", load], { env, stdio: "ignore" });
}

async function openWorld(cloudOptions: CloudOptions, env: NodeJS.ProcessEnv, options: WorldOptions): Promise<World> {
  const cloud: Cloud = await startCloud(new URL("cloud.ts", import.meta.url), cloudOptions, env);
  try {
    return await openWorldIn(cloud, options);
  } catch (error) {
    await cloud.remove();
    throw error;
  }
}

async function openWorldIn(cloud: Cloud, { processes, recorder, route }: WorldOptions): Promise<World> {
  const { environment, tables, port: busPort } = cloud.deployed;
  const { hostname, port: tablesPort } = new URL(tables);
  const store = await startThrottle({ host: hostname, port: Number(tablesPort) }, () => serverBusy);
  const storeRoute = await route("tables", () => store.address, true);
  const busRoute = await route("service bus", () => ({ host: "127.0.0.1", port: busPort }), true);
  const serviceBus = (environment["HOLDFAST_SERVICEBUS"] ?? "").replace(`:${busPort}`, `:${busRoute.port}`);
  const connection = environment["HOLDFAST_TABLE_CONNECTION"] ?? "";
  const ports = await cloud.ask("start", processes, {
    ...environment,
    HOLDFAST_CRASH_RECORDER: recorder,
    HOLDFAST_CRASH_SERVICEBUS: serviceBus,
    HOLDFAST_TABLE_CONNECTION: connection.replace(`:${tablesPort}`, `:${storeRoute.port}`),
  });
  const killed = new Set<number>();
  const urls: string[] = [];
  for (const [number, port] of ports.entries()) {
    const upstream = (): Address | undefined => (killed.has(number) ? undefined : { host: "127.0.0.1", port });
    const { host, port: routed } = await route(`process ${number}`, upstream);
    urls.push(`http://${host}:${routed}`);
  }
  const jobs = createJobs(serviceBus);
  let busIsBack: NodeJS.Timeout | undefined;
  return {
    urls,
    async kill(number) {
      killed.add(number);
      await cloud.ask("kill", number);
    },
    async restart(number) {
      await cloud.ask("restart", number);
      killed.delete(number);
    },
    suspend: (number) => cloud.ask("suspend", number),
    resume: (number) => cloud.ask("resume", number),
    async fill() {
      clearTimeout(busIsBack);
      await cloud.ask("refuse", true);
      store.set(true);
      return "nothing";
    },
    async makeRoom() {
      store.set(false);
      busIsBack = setTimeout(() => void cloud.ask("refuse", false).catch(() => {}), busLateMs);
    },
    send: jobs.send,
    state: openState(cloud.deployed, () => cloud.ask("waiting")),
    close: () => cloud.ask("close"),
    async remove() {
      clearTimeout(busIsBack);
      jobs.close();
      await cloud.remove();
      await store.close();
    },
  };
}
