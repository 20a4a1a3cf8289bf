// A cloud in a process of its own, that lives on while its functions are killed, and how the harness asks it for things.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a cloud can be asked for, by name; arguments and answers are JSON. */
type Callable<Calls> = { readonly [Name in keyof Calls]: (...args: never) => unknown };

export interface Cloud<Deployed, Calls extends Callable<Calls>> {
  /** What there is before functions are. */
  readonly deployed: Deployed;
  /** @throws Error where it could not do so, or has ended */
  ask<Name extends keyof Calls & string>(
    call: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>>;
  /** Ends it, and all processes that it has started. Repeatable. */
  remove(): Promise<void>;
}

interface Asked {
  readonly n: number;
  readonly call: string;
  readonly args: readonly unknown[];
}

type Said =
  | { readonly kind: "ready"; readonly deployed: unknown }
  | { readonly kind: "answer"; readonly n: number; readonly answer: unknown }
  | { readonly kind: "failed"; readonly n: number; readonly message: string };

/** Starts the file, which calls `serveCloud`, with the options as JSON in its first argument; it ends with this process. */
export async function startCloud<Deployed, Calls extends Callable<Calls>>(
  file: URL,
  options: unknown,
  env: NodeJS.ProcessEnv,
): Promise<Cloud<Deployed, Calls>> {
  const child = fork(fileURLToPath(file), [JSON.stringify(options)], {
    execArgv: ["--conditions=holdfast-source"],
    env,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let log = "";
  child.stderr?.on("data", (data: Buffer) => void (log = (log + data.toString()).slice(-4_000)));
  child.on("error", () => {});
  const open = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  const exited = once(child, "exit").then(([code, signal]) => {
    const error = new Error(`The cloud has ended with ${code ?? signal}: ${log}`);
    for (const { reject } of open.values()) reject(error);
    open.clear();
    return error;
  });
  const deployed = await new Promise<Deployed>((resolve, reject) => {
    child.on("message", (said: Said) => {
      // By whoever calls it: the file is one of its own.
      if (said.kind === "ready") return resolve(said.deployed as Deployed);
      const call = open.get(said.n);
      open.delete(said.n);
      if (said.kind === "answer") call?.resolve(said.answer);
      else call?.reject(new Error(said.message));
    });
    void exited.then(reject);
  });
  let asked = 0;
  return {
    deployed,
    ask(call, ...args) {
      const n = ++asked;
      return new Promise((resolve, reject) => {
        // The answer to that call.
        open.set(n, { resolve: resolve as (answer: unknown) => void, reject });
        child.send({ n, call, args } satisfies Asked, (error) => {
          // It has ended, or is about to: why, says more.
          if (error) void exited.then(reject);
        });
      });
    },
    async remove() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** How a cloud answers: each of its calls may take its time. */
export type Answers<Calls extends Callable<Calls>> = {
  readonly [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Promise<Awaited<ReturnType<Calls[Name]>>>;
};

/**
 * The other side: says that it is there, and answers.
 * @param end ends what would not notice that this process ends: whoever started it is gone, or wants no more
 */
export function serveCloud<Deployed, Calls extends Callable<Calls>>(
  deployed: Deployed,
  calls: Answers<Calls>,
  end: () => Promise<unknown>,
): void {
  const say = (said: Said): void => void process.send?.(said);
  process.on("message", ({ n, call, args }: Asked) => {
    // What was asked for by its name has its arguments.
    const answer = calls[call as keyof Calls] as (...args: readonly unknown[]) => Promise<unknown>;
    answer(...args).then(
      (value) => say({ kind: "answer", n, answer: value }),
      (error: unknown) => say({ kind: "failed", n, message: String(error) }),
    );
  });
  process.on("disconnect", () => void end().finally(() => process.exit()));
  say({ kind: "ready", deployed });
}
