import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export type FunctionName = "http" | "queue" | "stream";

/** What runs the bundled handlers, in a process of its own; one that has died is started anew. */
export interface Functions {
  /** @throws Error where the handler has thrown, has taken too long, or its process has died */
  invoke(name: FunctionName, event: unknown, seconds: number): Promise<unknown>;
  /** Resolves when handlers can be invoked. */
  ready(): Promise<void>;
  /** Ends the process at once, like a machine that is lost (-9); the next one starts by itself. */
  kill(): Promise<void>;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface FunctionsOptions {
  /** The folder of the bundles. */
  readonly code: string;
  readonly environment: { readonly [name: string]: string };
  /** Lines of the functions' output. */
  readonly output: (text: string) => void;
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

export function startFunctions({ code, environment, output }: FunctionsOptions): Functions {
  const open = new Map<number, Invocation>();
  let lastId = 0;
  let stopping = false;
  let isReady = false;
  let whenReady: (() => void)[] = [];
  let running = start();

  function start(): ChildProcess {
    const started = fork(child, [code], {
      env: { ...process.env, ...environment, AWS_LAMBDA_FUNCTION_NAME: "local" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--enable-source-maps"],
    });
    for (const stream of [started.stdout, started.stderr]) stream?.setEncoding("utf8").on("data", output);
    started.on("message", (said: Said) => {
      if ("ready" in said) {
        isReady = true;
        for (const resolve of whenReady.splice(0)) resolve();
        return;
      }
      const invocation = open.get(said.id);
      open.delete(said.id);
      if (said.error === undefined) invocation?.resolve(said.answer);
      else invocation?.reject(new Error(said.error));
    });
    started.once("exit", () => {
      isReady = false;
      for (const { reject } of open.values()) reject(new Error("The function's process has ended."));
      open.clear();
      if (!stopping) running = start();
    });
    return started;
  }

  function ready(): Promise<void> {
    if (isReady) return Promise.resolve();
    return new Promise((resolve) => void whenReady.push(resolve));
  }

  return {
    ready,
    get pid() {
      return running.pid;
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
    async kill() {
      const gone = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGKILL");
      await gone;
    },
    async stop() {
      stopping = true;
      whenReady = [];
      if (running.exitCode !== null || running.signalCode !== null) return;
      const gone = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGKILL");
      await gone;
    },
  };
}
