import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Server {
  readonly url: string;
  readonly child: ChildProcess;
  /** Ends the process at once, without any chance to tidy up. */
  kill(): Promise<void>;
}

/** Starts `functions/local.ts` as `npm start` does, on a port of its own choosing, and waits until it listens. */
export async function startServer(data: string, env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const child = spawn(process.execPath, ["--conditions=holdfast-source", "functions/local.ts"], {
    cwd: root,
    env: { ...process.env, PORT: "0", HOLDFAST_DATA: data, HOLDFAST_LOG: "error", NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const { stderr } = child;
  if (!stderr) throw new Error("the server has no standard error");
  let text = "";
  const url = await new Promise<string>((resolve, reject) => {
    stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = /Listening on (\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
  return {
    url,
    child,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
