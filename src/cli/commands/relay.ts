import type { Command } from "commander";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { appOption, timeOf, topicOption, withTarget, type AppOptions, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withBroker } from "../target/open.ts";

interface RelayOptions extends AppOptions, TargetOptions {
  readonly since: number;
}

export function addRelay(program: Command): void {
  const command = program
    .command("relay")
    .description("publish once more what was committed, where the broker has not got it, or has lost it (aws, azure)")
    .requiredOption("--since <time>", "committed then or later", timeOf)
    .addOption(appOption);
  withTarget(command, "sends").addOption(topicOption).action(relay);
}

async function relay(options: RelayOptions): Promise<void> {
  if (options.target === "local") {
    throw new CliError(
      "There is nothing to relay on the local target: its hosts read the journal. Say --target aws or azure.",
      2,
    );
  }
  const app = await loadApp(findAppFile(options.app));
  await withBroker(options, async (tools) => {
    const { records, events, messages, unreadable } = await tools.relay(app, options.since);
    await print(`${records} records were relayed: ${events} events, ${messages} messages.`);
    if (unreadable > 0) await print(`${unreadable} cannot be read; they are among the dead letters.`);
  });
}
