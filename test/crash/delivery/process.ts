import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Asked, Question, Told } from "./child.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The crashing app in a process of its own. */
export interface CrashProcess {
  /** True if it was done; false if it was refused, or the process has died meanwhile: nobody knows. */
  ask(question: Question): Promise<boolean>;
  /** Ends the process at once, without any chance to tidy up. */
  kill(): Promise<void>;
}

/** Makes one JavaScript file of it, which starts in a fraction of the time that TypeScript takes. */
export function bundleProcess(folder: string): void {
  const args = ["--bundle", "--platform=node", "--format=esm", "--conditions=holdfast-source", "--log-level=error"];
  const source = fileURLToPath(new URL("child.ts", import.meta.url));
  const outfile = `--outfile=${join(folder, "child.mjs")}`;
  execFileSync(join(root, "node_modules", ".bin", "esbuild"), [source, outfile, ...args]);
}

/** Starts it, once it is bundled, and waits until it delivers. `origin`: from when on its fast time runs, epoch milliseconds. */
export async function startProcess(folder: string, origin: number): Promise<CrashProcess> {
  const child = fork(join(folder, "child.mjs"), [folder, String(origin)], {
    cwd: root,
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const open = new Map<number, (told: Omit<Told, "n">) => void>();
  let asked = 0;
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => void (text += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`the process ended with ${code}: ${text}`)));
  });
  child.on("message", ({ n, ...told }: Told) => {
    open.get(n)?.(told);
    open.delete(n);
  });
  const exited = once(child, "exit").then(() => {
    for (const answer of open.values()) answer({ ok: false });
    open.clear();
  });
  // Its channel breaks with it.
  child.on("error", () => {});
  return {
    ask(question) {
      if (!child.connected) return Promise.resolve(false);
      const n = ++asked;
      return new Promise((resolve, reject) => {
        open.set(n, ({ ok, refused }) => (refused === undefined ? resolve(ok) : reject(new Error(refused))));
        child.send({ n, question } satisfies Asked, (error) => {
          if (error) resolve(false);
        });
      });
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
