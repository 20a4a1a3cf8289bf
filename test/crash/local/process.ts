import { execFile, fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type { Asked, ChildOptions, Question, Said } from "./child.ts";

const run = promisify(execFile);

/** A process that serves the app. */
export interface LocalProcess {
  readonly port: number;
  readonly pid: number;
  /** False where the process refused it for now, or has died: nobody knows. */
  ask(question: Question): Promise<boolean>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP. Should this process die meanwhile, it is ended all the same. */
  suspend(): Promise<void>;
  resume(): void;
  /** How large a file may get that it writes, by the kernel (RLIMIT_FSIZE). */
  limitFiles(bytes: 0 | "unlimited"): Promise<void>;
  /** SIGTERM; what was wrong with how it ended. */
  stop(): Promise<string | undefined>;
  /** What was wrong, if it has ended by itself. */
  readonly failure: string | undefined;
}

/** All that run: they end with this process, however that ends (kill -9 closes their channel). */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** How long stopping in order may take, milliseconds. */
const stopTimeoutMs = 15_000;

/** Starts the bundled child and waits until it serves. */
export async function startProcess(file: string, options: ChildOptions): Promise<LocalProcess> {
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  running.add(child);
  let log = "";
  let failure: string | undefined;
  let wanted = false;
  child.stderr?.on("data", (data: Buffer) => void (log = (log + data.toString()).slice(-4_000)));
  // Its channel breaks with it.
  child.on("error", () => {});
  const open = new Map<number, (ok: boolean) => void>();
  const exited = once(child, "exit").then(([code, signal]) => {
    running.delete(child);
    if (!wanted) failure = `a process ended by itself with ${code ?? signal}: ${log}`;
    for (const answer of open.values()) answer(false);
    open.clear();
    return code as number | null;
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.on("message", (said: Said) => {
      if (said.kind === "ready") return resolve(said.port);
      open.get(said.n)?.(said.ok);
      open.delete(said.n);
    });
    void exited.then(() => reject(new Error(failure)));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("The process has no id.");
  let asked = 0;
  let guard: ChildProcess | undefined;

  function unguard(): void {
    guard?.kill("SIGKILL");
    guard = undefined;
  }

  return {
    port,
    pid,
    ask(question) {
      if (!child.connected) return Promise.resolve(false);
      const n = ++asked;
      return new Promise((resolve) => {
        open.set(n, resolve);
        child.send({ n, question } satisfies Asked, (error) => {
          if (error) resolve(false);
        });
      });
    },
    async kill() {
      wanted = true;
      unguard();
      child.kill("SIGKILL");
      await exited;
    },
    async suspend() {
      // Its standard input ends with us; a stopped process notices nothing by itself.
      guard = spawn("sh", ["-c", 'read -r line; kill -9 "$0"', String(pid)], { stdio: ["pipe", "ignore", "ignore"] });
      await once(guard, "spawn");
      child.kill("SIGSTOP");
    },
    resume() {
      unguard();
      child.kill("SIGCONT");
    },
    async limitFiles(bytes) {
      // The soft limit: it can be raised again by whoever may send signals.
      await run("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]).catch((error: unknown) => {
        // Whoever is killed meanwhile needs none.
        if (!child.killed) throw error;
      });
    },
    async stop() {
      wanted = true;
      unguard();
      child.kill("SIGTERM");
      const cancel = new AbortController();
      const late = new Promise<"late">((resolve) => {
        const timer = setTimeout(() => resolve("late"), stopTimeoutMs);
        cancel.signal.addEventListener("abort", () => clearTimeout(timer));
      });
      const code = await Promise.race([exited, late]);
      cancel.abort();
      if (code === 0 || failure !== undefined) return failure;
      child.kill("SIGKILL");
      return `a process did not shut down in order (${code}): ${log}`;
    },
    get failure() {
      return failure;
    },
  };
}
