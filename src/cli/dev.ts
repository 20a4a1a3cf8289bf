import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { findAppFile } from "./app-module.ts";

export interface DevOptions {
  readonly app?: string;
  readonly port?: string;
  readonly data?: string;
}

/**
 * Serves the app and starts it anew whenever one of its files changes. The watching is Node's own; this only starts it.
 * Resolves with the exit code.
 */
export async function dev(options: DevOptions): Promise<number> {
  const app = findAppFile(options.app);
  const serve = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./serve.ts" : "./serve.js", import.meta.url));
  // Nodes before 22.18 need to be told to run TypeScript.
  const typescript = process.features.typescript ? [] : ["--experimental-strip-types"];
  const child = spawn(
    process.execPath,
    [...process.execArgv, ...typescript, "--watch", "--watch-preserve-output", serve, app],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        ...(options.port !== undefined && { PORT: options.port }),
        ...(options.data !== undefined && { HOLDFAST_DATA: options.data }),
      },
    },
  );
  // The terminal sends Ctrl-C to the child too; it ends first, in order, and this process after it.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", () => {});
  process.on("SIGTERM", pass);
  const [code] = await once(child, "exit");
  return typeof code === "number" ? code : 0;
}
