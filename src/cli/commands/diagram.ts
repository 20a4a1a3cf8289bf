import type { Command } from "commander";
import { diagram } from "../../index.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { appOption, type AppOptions } from "../options.ts";
import { print } from "../output.ts";

export function addDiagram(program: Command): void {
  program
    .command("diagram")
    .description("print who is told of what, as a Mermaid flowchart")
    .addOption(appOption)
    .addHelpText(
      "after",
      "\nWhat is declared is drawn: entities, events, subscriptions with their filters, queues, workers, timers.\n" +
        "What handlers call and commands send is code, which declarations do not tell.",
    )
    .action(async ({ app }: AppOptions) => print(diagram(await loadApp(findAppFile(app)))));
}
