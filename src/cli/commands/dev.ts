import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Option, type Command } from "commander";
import { listenError, makeDataFolder, messageOf } from "../../local/host/startup.ts";
import { findAppFile } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { appOption, dataOption, wholeNumber, type AppOptions, type DataOptions } from "../options.ts";
import { typescriptFlags } from "../typescript.ts";

const portOption = new Option("--port <number>", "TCP port; 0 takes any that is free")
  .env("PORT")
  .default(8080)
  .argParser(wholeNumber(0, 65_535));

interface DevOptions extends AppOptions, DataOptions {
  readonly port: number;
}

export function addDev(program: Command): void {
  program
    .command("dev")
    .description("serve the app on this machine and restart it when a file changes")
    .addOption(appOption)
    .addOption(portOption)
    .addOption(dataOption)
    .action(async ({ app, port, data }: DevOptions) => {
      const file = findAppFile(app);
      // Here rather than in the server: what watches it would wait for a changed file to mend them.
      await makeDataFolder(data).catch(refuse(`--data ${data}`));
      await checkFree(port).catch(refuse(`--port ${port}`));
      process.exit(await watch(file, { PORT: String(port), HOLDFAST_DATA: data }));
    });
}

function refuse(option: string): (error: unknown) => never {
  return (error) => {
    throw new CliError(`${option}: ${messageOf(error)}`, 2);
  };
}

async function checkFree(port: number): Promise<void> {
  const host = "127.0.0.1";
  const server = createServer().listen(port, host);
  await once(server, "listening").catch((error: unknown) => {
    throw listenError(host, port, error);
  });
  server.close();
  await once(server, "close");
}

/** The project's own main file, `local.ts` beside the app, if there is one: it brings the services. Else ours. */
function mainOf(file: string): readonly string[] {
  const own = join(dirname(file), `local${extname(file)}`);
  if (existsSync(own)) return [own];
  const serve = new URL(import.meta.url.endsWith(".ts") ? "../serve.ts" : "../serve.js", import.meta.url);
  return [fileURLToPath(serve), file];
}

/** The watching is Node's own; this only starts it. Resolves with the exit code. */
async function watch(file: string, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, ...typescriptFlags, "--watch", "--watch-preserve-output", ...mainOf(file)],
    { stdio: "inherit", env: { ...process.env, ...env } },
  );
  // The terminal sends Ctrl-C to the child too; it ends first, in order, and this process after it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", (signal) => void child.kill(signal));
  const [code] = await once(child, "exit");
  return typeof code === "number" ? code : 0;
}
