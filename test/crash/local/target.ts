import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Target, World, WorldOptions } from "../target.ts";
import { speed } from "./clock.ts";
import { startProcess, type LocalProcess } from "./process.ts";
import { openState } from "./state.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The app on one SQLite file, in processes of this machine whose time goes 20 times as fast.
 *
 * Full, in one of two ways, while the processes run. The kernel lets none of them write to any file (RLIMIT_FSIZE 0):
 * SQLite's write to the log fails (EFBIG) where it commits, and nobody can say at once what became of it. Or the file may
 * grow no further (`max_page_count`): SQLITE_FULL, certainly not stored; what fits into pages that are there still is.
 */
export function createLocalTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-crash-"));
  const child = join(folder, "child.mjs");
  bundle(child);
  const isLimitable = hasPrlimit();
  let worlds = 0;
  return {
    name: "local",
    lacks: new Map(),
    leaseMs: 5_000 / speed,
    speed,
    clients: 10,
    attemptTimeoutMs: 300,
    recoveryTimeoutMs: 20_000,
    open: (options) => openWorld(child, join(folder, String(++worlds)), options, isLimitable),
    async close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes one JavaScript file of the child, which starts in a fraction of the time that TypeScript takes. */
export function bundle(outfile: string): void {
  execFileSync(join(root, "node_modules", ".bin", "esbuild"), [
    fileURLToPath(new URL("child.ts", import.meta.url)),
    `--outfile=${outfile}`,
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--conditions=holdfast-source",
    "--log-level=error",
    // pino is CommonJS.
    '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  ]);
}

function hasPrlimit(): boolean {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function openWorld(file: string, data: string, options: WorldOptions, isLimitable: boolean): Promise<World> {
  const { processes: count, recorder, route, random } = options;
  mkdirSync(data);
  const origin = Date.now();
  const failures: string[] = [];
  const processes: (LocalProcess | undefined)[] = Array.from({ length: count });
  /** In which way. */
  let full: "limit" | "bound" | undefined;

  async function start(number: number): Promise<void> {
    const started = await startProcess(file, { data, recorder, origin });
    processes[number] = started;
    if (full) await setFull(started, full, true);
  }

  async function end(number: number): Promise<void> {
    const ended = processes[number];
    processes[number] = undefined;
    if (ended?.failure !== undefined) failures.push(ended.failure);
    await ended?.kill();
  }

  async function setFull(one: LocalProcess | undefined, way: "limit" | "bound", isFull: boolean): Promise<void> {
    if (way === "limit") await one?.limitFiles(isFull ? 0 : "unlimited");
    else await one?.ask({ kind: "bound", isFull });
  }

  const each = processes.map((_, number) => number);
  // One after the other: who is first makes the file.
  try {
    for (const number of each) await start(number);
  } catch (error) {
    await Promise.all(each.map(end));
    throw error;
  }
  const urls: string[] = [];
  for (const number of each) {
    const { host, port } = await route(`process ${number}`, () => {
      const upstream = processes[number];
      return upstream && { host: "127.0.0.1", port: upstream.port };
    });
    urls.push(`http://${host}:${port}`);
  }
  const state = openState(join(data, "holdfast.db"));
  const ownersBefore = each.map(() => state.owners());
  let turn = 0;

  return {
    urls,
    kill: end,
    restart: start,
    async suspend(number) {
      // Mostly not while it holds the write lock: then nobody else could take what it owns.
      for (let attempt = 0; attempt < 10; attempt++) {
        ownersBefore[number] = state.owners();
        await processes[number]?.suspend();
        if (!state.isLocked()) return;
        processes[number]?.resume();
        await sleep(1);
      }
      await processes[number]?.suspend();
    },
    async resume(number) {
      const owners = state.owners();
      processes[number]?.resume();
      return [...owners].filter(([name, owner]) => owner !== ownersBefore[number]?.get(name)).length;
    },
    async fill() {
      const way = isLimitable && random() < 0.6 ? "limit" : "bound";
      full = way;
      await Promise.all(processes.map((one) => setFull(one, way, true)));
      return way === "limit" ? "nothing" : "little";
    },
    async makeRoom() {
      const way = full;
      full = undefined;
      if (way) await Promise.all(processes.map((one) => setFull(one, way, false)));
    },
    async send(job) {
      const chosen = processes[turn++ % count];
      return (await chosen?.ask({ kind: "job", job })) ?? false;
    },
    state: state.read,
    async close() {
      const ended = await Promise.all(processes.map((one) => one?.stop()));
      processes.fill(undefined);
      return [...failures, ...ended.filter((text) => text !== undefined)];
    },
    async remove() {
      await Promise.all(each.map(end));
      await state.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
