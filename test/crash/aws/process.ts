import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Asked, CallName, Calls, CloudOptions, Deployed, Said } from "./messages.ts";

/** The process of the cloud. */
export interface Cloud {
  readonly deployed: Deployed;
  /** @throws Error where it could not do so, or has ended */
  ask<Name extends CallName>(call: Name, ...args: Parameters<Calls[Name]>): Promise<ReturnType<Calls[Name]>>;
  /** Ends it, and all processes that it has started. Repeatable. */
  remove(): Promise<void>;
}

/** Starts it; it ends with this process. */
export async function startCloud(options: CloudOptions, env: NodeJS.ProcessEnv): Promise<Cloud> {
  const child = fork(fileURLToPath(new URL("cloud.ts", import.meta.url)), [JSON.stringify(options)], {
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
      if (said.kind === "ready") return resolve(said.deployed);
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
          if (error) reject(error);
        });
      });
    },
    async remove() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
