#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { createOpenApi } from "../http/index.ts";
import { isHoldfastError, manifest } from "../index.ts";
import { findAppFile, loadApp } from "./app-module.ts";
import { CliError } from "./cli-error.ts";
import { dev, type DevOptions } from "./dev.ts";
import { printEvents, type EventsOptions } from "./events.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const appOption = ["--app <file>", "the module that exports the app (default: functions/app.ts, app.ts, ...)"] as const;
const dataOption = [
  "--data <folder>",
  "the folder of the journal",
  process.env["HOLDFAST_DATA"] ?? ".holdfast",
] as const;

const program = new Command("holdfast")
  .description("Stateful business logic on serverless functions.")
  .version(version)
  .showHelpAfterError("(holdfast --help shows what there is)")
  .exitOverride();

program
  .command("dev")
  .description("serve the app on this machine and restart it when a file changes")
  .option(...appOption)
  .option("--port <number>", "TCP port (default: PORT, else 8080)")
  .option("--data <folder>", "the folder of the journal (default: HOLDFAST_DATA, else .holdfast)")
  .action(async (options: DevOptions) => {
    process.exitCode = await dev(options);
  });

program
  .command("events <entity> <id>")
  .description("print an entity's history")
  .option(...dataOption)
  .option("--tenant <name>", "whose entity", "default")
  .option("--json", "one record per line, as it is stored")
  .action((entity: string, id: string, options: EventsOptions) => printEvents(entity, id, options, print));

program
  .command("openapi")
  .description("print the app's OpenAPI 3.1 document")
  .option(...appOption)
  .action(async (options: { readonly app?: string }) => {
    const app = await loadApp(findAppFile(options.app));
    print(JSON.stringify(createOpenApi(app), null, 2));
  });

program
  .command("manifest")
  .description("print what the app declares, as JSON")
  .option(...appOption)
  .action(async (options: { readonly app?: string }) => {
    print(JSON.stringify(manifest(await loadApp(findAppFile(options.app))), null, 2));
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed what was wrong; help and version are no failures.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof CliError || isHoldfastError(error)) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
