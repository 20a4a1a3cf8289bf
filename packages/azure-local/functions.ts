import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Asked, Input, Registered, Said, TypedData } from "./rpc.ts";

/** How an invocation has ended. `lost`: its process has died under it, and nobody knows how far it came. */
export type Outcome =
  | { readonly kind: "returned"; readonly value: TypedData | undefined }
  | { readonly kind: "threw"; readonly message: string }
  | { readonly kind: "lost" };

/** Invokes a function by its name; waits for the process where there is none. */
export type Invoke = (name: string, input: Input) => Promise<Outcome>;

/** What runs the built function app, in a process of its own. */
export interface Functions {
  readonly invoke: Invoke;
  /** Resolves to what the app has registered when it can be invoked. @throws Error where that is not to be any more */
  ready(): Promise<readonly Registered[]>;
  readonly isReady: boolean;
  /** Resolves when the process that runs now has ended; at once where there is none. */
  ended(): Promise<unknown>;
  /** Ends the process at once, like a machine that is lost (-9). */
  kill(): Promise<void>;
  /** Starts the next process where it does not start by itself (`revives`). */
  start(): void;
  readonly pid: number | undefined;
  /** How a process has ended that nobody has ended, with its last words. */
  readonly failure: string | undefined;
  /** Runs the app's hooks and ends the process; at once where that takes too long. Repeatable. */
  stop(): Promise<void>;
}

export interface FunctionsOptions {
  /** The folder of the function app: package.json with `main`, host.json. */
  readonly code: string;
  readonly environment: { readonly [name: string]: string };
  /** Lines of the functions' output. */
  readonly output: (text: string) => void;
  /** How long an invocation may take; then the process is ended, as the host does. Seconds. */
  readonly timeoutSeconds: number;
  /** A module that the process loads before all others: its URL. */
  readonly preload?: string;
  /** Whether a process that has died is followed by another one at once. Default: true. */
  readonly revives?: boolean;
}

const child = fileURLToPath(new URL("./child.ts", import.meta.url));

/** What is kept of the output, for `failure`, characters. */
const wordsMax = 4_000;

/** How long an orderly end may take, milliseconds. */
const graceMs = 5_000;

export function startFunctions(options: FunctionsOptions): Functions {
  const { code, environment, output, timeoutSeconds, preload, revives = true } = options;
  const open = new Map<string, (outcome: Outcome) => void>();
  let isStopping = false;
  let waiting: PromiseWithResolvers<readonly Registered[]>[] = [];
  let words = "";
  let failure: string | undefined;
  let registered: readonly Registered[] | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  /** Why it is not started again. */
  let refused: string | undefined;
  let running = start();

  function start(): ChildProcess {
    refused = undefined;
    const started = fork(child, [code], {
      cwd: code,
      env: { ...process.env, ...environment, FUNCTIONS_WORKER_RUNTIME: "node" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Bytes arrive as bytes.
      serialization: "advanced",
      execArgv: ["--enable-source-maps", ...(preload === undefined ? [] : ["--import", preload])],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-wordsMax);
        output(text);
      });
    }
    ended = new Promise((resolve) => started.once("close", resolve));
    // Its channel breaks with it.
    started.on("error", () => {});
    started.on("message", (said: Said) => {
      if ("ready" in said) {
        registered = said.ready;
        for (const { resolve } of waiting.splice(0)) resolve(said.ready);
      } else if ("threw" in said) open.get(said.id)?.({ kind: "threw", message: said.threw });
      else open.get(said.id)?.({ kind: "returned", value: said.returned });
    });
    // When all it has said has been read.
    started.once("close", (exitCode, signal) => {
      const wasReady = registered !== undefined;
      registered = undefined;
      for (const settle of open.values()) settle({ kind: "lost" });
      const isOurs = started.killed || isStopping;
      if (!isOurs) failure ??= `the function app's process ended by itself with ${exitCode ?? signal}: ${words}`;
      // One that cannot even start will not start the next time either.
      if (!isOurs && !wasReady) refuse(`The function app does not start: ${failure}`);
      else if (!isStopping && revives) running = start();
    });
    return started;
  }

  function refuse(why: string): void {
    refused = why;
    for (const { reject } of waiting.splice(0)) reject(new Error(why));
  }

  function ready(): Promise<readonly Registered[]> {
    if (registered !== undefined) return Promise.resolve(registered);
    if (refused !== undefined) return Promise.reject(new Error(refused));
    const one = Promise.withResolvers<readonly Registered[]>();
    waiting.push(one);
    return one.promise;
  }

  const isGone = (): boolean => running.exitCode !== null || running.signalCode !== null;

  async function kill(): Promise<void> {
    const gone = ended;
    running.kill("SIGKILL");
    await gone;
  }

  return {
    ready,
    kill,
    ended: () => ended,
    get isReady() {
      return registered !== undefined;
    },
    start() {
      if (isGone()) running = start();
    },
    get pid() {
      return running.pid;
    },
    get failure() {
      return failure;
    },
    async invoke(name, input) {
      try {
        await ready();
      } catch {
        return { kind: "lost" };
      }
      const id = randomUUID();
      const outcome = Promise.withResolvers<Outcome>();
      open.set(id, outcome.resolve);
      const timer = setTimeout(() => {
        output(`${name} took longer than ${timeoutSeconds} s; its process is ended.\n`);
        void kill();
      }, timeoutSeconds * 1_000);
      // Where it cannot be told, its end is about to be noticed.
      running.send({ id, name, ...input } satisfies Asked, () => {});
      try {
        return await outcome.promise;
      } finally {
        clearTimeout(timer);
        open.delete(id);
      }
    },
    async stop() {
      isStopping = true;
      refuse("The functions are stopped.");
      const timer = setTimeout(() => void kill(), graceMs);
      if (running.connected) running.send({ terminate: true } satisfies Asked, () => {});
      await ended;
      clearTimeout(timer);
    },
  };
}
