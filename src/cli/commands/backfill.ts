import type { Command } from "commander";
import { isoTime } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { appOption, checkedName, withTarget, type AppOptions, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";

interface BackfillOptions extends AppOptions, TargetOptions {
  readonly subscription?: string;
  readonly now?: boolean;
}

export function addBackfill(program: Command): void {
  const command = program
    .command("backfill")
    .description(
      'give subscriptions that begin at the beginning what is older than their queues (aws); once after "deploy"',
    )
    .option("--subscription <name>", "that one only", checkedName("Subscription"))
    .option("--now", "also for a queue of the last 15 minutes, whose filter SNS may not have everywhere yet")
    .addOption(appOption);
  withTarget(command, "sends").action(backfill);
}

async function backfill(options: BackfillOptions): Promise<void> {
  if (options.target === "local") {
    throw new CliError("The local target needs no backfill: its hosts read the journal. Say --target aws.", 2);
  }
  const app = await loadApp(findAppFile(options.app));
  const { openAws } = await import("../target/aws.ts");
  const tools = await openAws(options);
  try {
    const { subscription, now = false } = options;
    const { streams, before } = await tools.backfill(app, { subscription, now });
    for (const [name, at] of before) await print(`Subscription "${name}" was backfilled by ${isoTime(at)}.`);
    for (const [name, count] of streams)
      await print(`Subscription "${name}" handles what is older of ${count} streams.`);
    if (before.size + streams.size === 0) await print("No subscription of the app begins at the beginning.");
  } finally {
    await tools.close();
  }
}
