import { Command, CommanderError } from "commander";
import { isHoldfastError } from "../index.ts";
import { CliError } from "./cli-error.ts";
import { addBackfill } from "./commands/backfill.ts";
import { addDeadLetters } from "./commands/dead-letters.ts";
import { addDev } from "./commands/dev.ts";
import { addDiagram } from "./commands/diagram.ts";
import { addErase } from "./commands/erase.ts";
import { addEvents } from "./commands/events.ts";
import { addExport } from "./commands/export.ts";
import { addInit } from "./commands/init.ts";
import { addList } from "./commands/list.ts";
import { addManifest } from "./commands/manifest.ts";
import { addOpenApi } from "./commands/openapi.ts";
import { addRelay } from "./commands/relay.ts";
import { addReplay } from "./commands/replay.ts";
import { addSend } from "./commands/send.ts";
import { addWorkflows } from "./commands/workflows.ts";
import { checkTarget } from "./options.ts";
import { endWithReaders, flush } from "./output.ts";

/** In the order in which the help shows them. */
const commands = [
  addInit,
  addDev,
  addEvents,
  addList,
  addExport,
  addErase,
  addDeadLetters,
  addReplay,
  addRelay,
  addBackfill,
  addSend,
  addWorkflows,
  addOpenApi,
  addManifest,
  addDiagram,
];

/** Runs the command that the arguments name and ends the process: nothing that an app has started keeps it. */
export async function run(version: string): Promise<never> {
  endWithReaders();
  const program = new Command("holdfast")
    .description("Stateful business logic on serverless functions.")
    .version(version)
    .showHelpAfterError("(holdfast --help shows what there is)")
    .exitOverride()
    .hook("preAction", (_, command) => checkTarget(command));
  for (const add of commands) add(program);
  const code = await program.parseAsync().then(() => 0, explain);
  await flush();
  process.exit(code);
}

/** Says what went wrong and answers with the exit code. */
function explain(error: unknown): number {
  // Commander has printed what was wrong; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof CliError) && !isHoldfastError(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  return error instanceof CliError ? error.exitCode : 1;
}
