import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export type FunctionName = "http" | "queue" | "stream";

/** Invokes a handler, as Lambda does. @throws Error where it has thrown, has taken too long, or its process has died */
export type Invoke = (name: FunctionName, event: unknown, seconds: number) => Promise<unknown>;

/** What runs the bundled handlers, in a process of its own. */
export interface Functions {
  /** Waits for the process where there is none. */
  readonly invoke: Invoke;
  /** Resolves when handlers can be invoked. @throws Error where that is not to be any more */
  ready(): Promise<void>;
  /** Ends the process at once, like a machine that is lost (-9). */
  kill(): Promise<void>;
  /** Starts the next process where it does not start by itself (`revives`). */
  start(): void;
  readonly pid: number | undefined;
  /** How a process has ended that nobody has ended, with its last words. */
  readonly failure: string | undefined;
  stop(): Promise<void>;
}

export interface FunctionsOptions {
  /** The folder of the bundles. */
  readonly code: string;
  readonly environment: { readonly [name: string]: string };
  /** Lines of the functions' output. */
  readonly output: (text: string) => void;
  /** A module that the process loads before all others: its URL. */
  readonly preload?: string;
  /** Whether a process that has died is followed by another one at once. Default: true. */
  readonly revives?: boolean;
}

interface Invocation {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What the parent and its child say to each other. */
export interface Asked {
  readonly id: number;
  readonly name: FunctionName;
  readonly event: unknown;
  readonly seconds: number;
}
export type Said =
  | { readonly ready: true }
  | { readonly id: number; readonly answer?: unknown; readonly error?: string };

const child = fileURLToPath(new URL("./child.ts", import.meta.url));

/** What is kept of the output, for `failure`, characters. */
const wordsMax = 4_000;

export function startFunctions(options: FunctionsOptions): Functions {
  const { code, environment, output, preload, revives = true } = options;
  const open = new Map<number, Invocation>();
  let lastId = 0;
  let stopping = false;
  let isReady = false;
  let waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  let words = "";
  let failure: string | undefined;
  let running = start();

  function start(): ChildProcess {
    const started = fork(child, [code], {
      env: { ...process.env, ...environment, AWS_LAMBDA_FUNCTION_NAME: "local" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--enable-source-maps", ...(preload === undefined ? [] : ["--import", preload])],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-wordsMax);
        output(text);
      });
    }
    // Its channel breaks with it.
    started.on("error", () => {});
    started.on("message", (said: Said) => {
      if ("ready" in said) {
        isReady = true;
        for (const { resolve } of waiting.splice(0)) resolve();
        return;
      }
      const invocation = open.get(said.id);
      open.delete(said.id);
      if (said.error === undefined) invocation?.resolve(said.answer);
      else invocation?.reject(new Error(said.error));
    });
    started.once("exit", (exitCode, signal) => {
      isReady = false;
      for (const { reject } of open.values()) reject(new Error("The function's process has ended."));
      open.clear();
      if (!started.killed) failure ??= `a function's process ended by itself with ${exitCode ?? signal}: ${words}`;
      if (!stopping && revives) running = start();
    });
    return started;
  }

  function ready(): Promise<void> {
    if (isReady) return Promise.resolve();
    if (stopping) return Promise.reject(new Error("The functions are stopped."));
    return new Promise((resolve, reject) => void waiting.push({ resolve, reject }));
  }

  async function kill(): Promise<void> {
    if (running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await gone;
  }

  return {
    ready,
    kill,
    start() {
      if (running.exitCode !== null || running.signalCode !== null) running = start();
    },
    get pid() {
      return running.pid;
    },
    get failure() {
      return failure;
    },
    async invoke(name, event, seconds) {
      await ready();
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          open.delete(id);
          reject(new Error(`${name} took longer than ${seconds} s.`));
        }, seconds * 1_000);
        const settled = <Args extends unknown[]>(then: (...args: Args) => void) => {
          return (...args: Args): void => {
            clearTimeout(timer);
            then(...args);
          };
        };
        open.set(id, { resolve: settled(resolve), reject: settled(reject) });
        running.send({ id, name, event, seconds } satisfies Asked, (error) => {
          if (error) open.get(id)?.reject(error);
        });
      });
    },
    async stop() {
      stopping = true;
      for (const { reject } of waiting.splice(0)) reject(new Error("The functions are stopped."));
      await kill();
    },
  };
}
