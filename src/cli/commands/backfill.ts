import type { Command } from "commander";
import { isoTime } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { appOption, checkedName, timeOf, withTarget, type AppOptions, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withBroker } from "../target/open.ts";

interface BackfillOptions extends AppOptions, TargetOptions {
  readonly subscription?: string;
  readonly now?: boolean;
  readonly created?: number;
}

export function addBackfill(program: Command): void {
  const command = program
    .command("backfill")
    .description(
      'give subscriptions that begin at the beginning what is older than their queues (aws, azure); once after "deploy"',
    )
    .option("--subscription <name>", "that one only", checkedName("Subscription"))
    .option("--now", "also for a queue of the last 15 minutes, whose filter SNS may not have everywhere yet (aws)")
    .option("--created <time>", "when the subscription was made, where you may not ask Service Bus (azure)", timeOf)
    .addOption(appOption);
  withTarget(command, "sends").action(backfill);
}

async function backfill(options: BackfillOptions): Promise<void> {
  if (options.target === "local") {
    throw new CliError("The local target needs no backfill: its hosts read the journal. Say --target aws or azure.", 2);
  }
  const app = await loadApp(findAppFile(options.app));
  await withBroker(options, async (tools) => {
    const { subscription, now = false, created } = options;
    const { streams, before } = await tools.backfill(app, { subscription, now, created });
    for (const [name, at] of before) await print(`Subscription "${name}" was backfilled by ${isoTime(at)}.`);
    for (const [name, count] of streams)
      await print(`Subscription "${name}" handles what is older of ${count} streams.`);
    if (before.size + streams.size === 0) await print("No subscription of the app begins at the beginning.");
  });
}
