#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { createOpenApi } from "../http/index.ts";
import { incompatibilities, isHoldfastError, manifest } from "../index.ts";
import { findAppFile, loadApp, readManifest } from "./app-module.ts";
import { CliError } from "./cli-error.ts";
import { dev, type DevOptions } from "./dev.ts";
import { printEvents, type EventsOptions } from "./events.ts";
import { withJournal } from "./journal.ts";
import {
  eraseEntity,
  exportEvents,
  printIds,
  type EraseOptions,
  type ExportOptions,
  type ListOptions,
} from "./streams.ts";

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

const tenantOption = ["--tenant <name>", "whose entity", "default"] as const;

interface DataOption {
  readonly data: string;
}
interface AppOption {
  readonly app?: string;
}

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
  .option(...tenantOption)
  .option("--json", "one record per line, as it is stored")
  .action((entity: string, id: string, options: EventsOptions & DataOption) =>
    withJournal(options.data, (journal) => printEvents(journal, entity, id, options, print)),
  );

program
  .command("list <entity>")
  .description("print the ids of an entity's streams")
  .option(...dataOption)
  .option(...tenantOption)
  .option("--limit <number>", "at most so many", "1000")
  .option("--after <id>", "those behind this id")
  .action((entity: string, options: ListOptions & DataOption) =>
    withJournal(options.data, (journal) => printIds(journal, entity, options, print)),
  );

program
  .command("export")
  .description("print all events as CloudEvents, one a line, in the order in which they were stored")
  .option(...dataOption)
  .option("--tenant <name>", "of one tenant only")
  .option("--entity <name>", "of one entity only")
  .action((options: ExportOptions & DataOption) =>
    withJournal(options.data, async (journal) => {
      const progress = (events: number): void => {
        if (process.stderr.isTTY) process.stderr.write(`\r${events} events`);
      };
      const events = await exportEvents(journal, options, print, progress);
      process.stderr.write(`${process.stderr.isTTY ? "\r" : ""}${events} events exported\n`);
    }),
  );

program
  .command("erase <entity> <id>")
  .description("blank all payloads of an entity for ever; its id is never used again")
  .option(...appOption)
  .option(...dataOption)
  .option(...tenantOption)
  .option("--yes", "do it")
  .action((entity: string, id: string, options: EraseOptions & DataOption & AppOption) =>
    withJournal(options.data, async (journal) => {
      const app = await loadApp(findAppFile(options.app));
      print(await eraseEntity(journal, app, entity, id, options));
    }),
  );

program
  .command("openapi")
  .description("print the app's OpenAPI 3.1 document")
  .option(...appOption)
  .action(async (options: AppOption) => {
    const app = await loadApp(findAppFile(options.app));
    print(JSON.stringify(createOpenApi(app), null, 2));
  });

program
  .command("manifest")
  .description("print what the app declares, as JSON")
  .option(...appOption)
  .option("--check <file>", "compare with the manifest of what is deployed; exit code 1 if it would break")
  .action(async (options: AppOption & { readonly check?: string }) => {
    const next = manifest(await loadApp(findAppFile(options.app)));
    if (options.check === undefined) return print(JSON.stringify(next, null, 2));
    const problems = incompatibilities(readManifest(options.check), next);
    if (problems.length > 0) throw new CliError(problems.join("\n"));
    print(`Nothing that ${options.check} declares would break.`);
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
