import type { Command } from "commander";
import { diagram, machineDiagram } from "../../index.ts";
import type { App } from "../../core/app.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { appOption, type AppOptions } from "../options.ts";
import { print } from "../output.ts";

export function addDiagram(program: Command): void {
  program
    .command("diagram")
    .description("print who is told of what, and each state machine, as Mermaid diagrams")
    .addOption(appOption)
    .addHelpText(
      "after",
      "\nWhat is declared is drawn: entities, events, subscriptions with their filters, queues, workers, timers.\n" +
        "What handlers call and commands send is code, which declarations do not tell.\n" +
        "An app with state machines has several diagrams: Markdown, with a heading for each.",
    )
    .action(async ({ app }: AppOptions) => print(diagramsOf(await loadApp(findAppFile(app)))));
}

/** One diagram as it is; several as Markdown, which most that show Mermaid read. */
function diagramsOf(app: App): string {
  const machines = [...app.entities].flatMap(([name, { machine }]) =>
    machine ? [section(`State machine ${name}`, machineDiagram(machine))] : [],
  );
  return machines.length === 0
    ? diagram(app)
    : [section("Who is told of what", diagram(app)), ...machines].join("\n\n");
}

function section(heading: string, text: string): string {
  return `## ${heading}\n\n\`\`\`mermaid\n${text}\n\`\`\``;
}
