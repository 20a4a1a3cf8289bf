import type { Command } from "commander";
import { createSystem } from "../../core/runtime/system.ts";
import { checkedName, entityOption, timeOf, withTarget, type AppOptions, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withTools } from "../target/open.ts";

interface ReplayOptions extends AppOptions, TargetOptions {
  readonly subscription: string;
  readonly since?: number;
  readonly entity?: string;
  readonly again?: boolean;
  readonly wait: boolean;
}

export function addReplay(program: Command): void {
  const command = program
    .command("replay")
    .description("have a subscription handle events once more; a running host does it, under the same keys")
    .requiredOption("--subscription <name>", "which one; no other handles anything", checkedName("Subscription"))
    .option("--since <time>", "events committed then or later (default: all)", timeOf)
    .addOption(entityOption)
    .option("--again", "with new keys: effects happen again, also of events older than keys are remembered")
    .option("--no-wait", "do not wait for its end")
    .option("--app <file>", "the module that exports the app (aws, azure; default: functions/app.ts, app.ts, ...)");
  withTarget(command, "sends").action(replay);
}

function replay(options: ReplayOptions): Promise<void> {
  const { subscription, since, entity, again = false, wait, app } = options;
  return withTools(options, async (tools) => {
    const system = createSystem();
    const id = system.newId();
    const request = { id, subscription, entity, since, again, created: system.now() };
    const done = await tools.replay(request, { wait, app });
    if (done.kind === "waiting") return print(`Replay ${id} is under way as soon as a host runs.`);
    const { kind, events, skipped } = done;
    const handled = `${events} events were handled once more.`;
    const queued = `${events} events are in the queue of subscription "${subscription}", whose function handles them.`;
    await print(kind === "handled" ? handled : queued);
    if (skipped === 0) return;
    await print(`${skipped} are so old that their effects may be forgotten; they were not handled. --again does it.`);
  });
}
