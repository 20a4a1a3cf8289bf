import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onCleanup, temporaryFolder } from "./fixtures.ts";

const program = fileURLToPath(new URL("./program.ts", import.meta.url));

export interface Child {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything on standard error so far. */
  stderr(): string;
  /** The log's lines so far. */
  stdout(): string;
  /** Waits until standard error matches. */
  said(pattern: RegExp): Promise<void>;
  /** Sends the signal and waits for the exit code (128 + signal where a signal ended it). */
  stop(signal: NodeJS.Signals): Promise<number>;
  exited(): Promise<number>;
}

/** Starts `program.ts` as a process, by a command of the shell; resolves when it listens, or has ended. */
export async function spawnHost(
  env: NodeJS.ProcessEnv = {},
  { command = "exec", ...options }: { readonly uid?: number; readonly command?: string } = {},
): Promise<Child> {
  const argv = ["-c", `${command} "$@"`, "sh", process.execPath, "--conditions=holdfast-source", program];
  const child = spawn("/bin/sh", argv, {
    env: {
      ...process.env,
      PORT: "0",
      HOLDFAST_DATA: temporaryFolder(),
      HOLDFAST_LOG: "info",
      NODE_OPTIONS: "",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  onCleanup(() => child.kill("SIGKILL"));
  const texts = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => {
      texts[name] += chunk.toString();
      for (const look of waiting) look();
    });
  }
  // "close": after the last of what it said.
  const over = once(child, "close").then(([code, signal]) => (typeof code === "number" ? code : `ended by ${signal}`));
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(texts.stderr)) resolve();
      };
      waiting.add(look);
      void over.then((code) => reject(new Error(`it ended (${code}) before ${pattern}: ${texts.stderr}`)));
      look();
    });
  const exited = async (): Promise<number> => {
    const code = await over;
    if (typeof code !== "number") throw new Error(code);
    return code;
  };
  await Promise.race([said(/Listening on/), over]).catch(() => {});
  return {
    url: /Listening on (\S+)/.exec(texts.stderr)?.[1] ?? "",
    child,
    stderr: () => texts.stderr,
    stdout: () => texts.stdout,
    said,
    exited,
    stop(signal) {
      child.kill(signal);
      return exited();
    },
  };
}
