import { InvalidArgumentError, type Command } from "commander";
import type { Replay } from "../../core/delivery/port.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import { createSystem } from "../../core/runtime/system.ts";
import type { SqliteJournal } from "../../local/index.ts";
import { CliError } from "../cli-error.ts";
import { withJournal } from "../journal.ts";
import { checkedName, dataOption, entityOption, type DataOptions } from "../options.ts";
import { print, progress } from "../output.ts";

/** How often it is looked how far the replay is, milliseconds. */
const pollMs = 250;
/** After which a replay that has not begun is remarked on, milliseconds. */
const patienceMs = 3_000;

interface ReplayOptions extends DataOptions {
  readonly subscription: string;
  readonly since?: number;
  readonly entity?: string;
  readonly again?: boolean;
  readonly wait: boolean;
}

export function addReplay(program: Command): void {
  program
    .command("replay")
    .description("have a subscription handle events once more; a running host does it, under the same keys")
    .requiredOption("--subscription <name>", "which one; no other handles anything", checkedName("Subscription"))
    .option("--since <time>", "events committed then or later (default: all)", timeOf)
    .addOption(entityOption)
    .option("--again", "with new keys: effects happen again, also of events older than keys are remembered")
    .option("--no-wait", "do not wait for its end")
    .addOption(dataOption)
    .action(replay);
}

function timeOf(value: string): number {
  const time = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError("It must be a day or a time: 2026-11-21 or 2026-11-21T08:30:00Z.");
}

function replay(options: ReplayOptions): Promise<void> {
  const { data, subscription, since, entity, again = false, wait } = options;
  return withJournal(data, async (journal) => {
    await checkSubscription(journal, subscription);
    const system = createSystem();
    const id = system.newId();
    await journal.addReplay({ id, subscription, entity, since, again, created: system.now() });
    if (!wait) return print(`Replay ${id} is under way as soon as a host runs.`);
    const { handled, skipped } = await finished(journal, id);
    await print(`${handled} events were handled once more.`);
    if (skipped === 0) return;
    await print(`${skipped} are so old that their effects may be forgotten; they were not handled. --again does it.`);
  });
}

async function checkSubscription(journal: SqliteJournal, subscription: string): Promise<void> {
  const known = await journal.consumers();
  if (known.includes(subscriptionName(subscription))) return;
  const prefix = subscriptionName("");
  const others = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  throw new CliError(
    `No host has ever run subscription "${subscription}". ${others.length === 0 ? "There are none." : `There are ${others.join(", ")}.`}`,
    2,
  );
}

/** Waits for its end, and says how far it is. */
async function finished(journal: SqliteJournal, id: string): Promise<Replay> {
  const report = progress("events");
  for (let waited = 0; ; waited += pollMs) {
    const found = (await journal.replays()).find((replay) => replay.id === id);
    if (!found) throw new CliError(`Replay ${id} is gone.`);
    report(found.handled + found.skipped);
    if (found.finished !== undefined) {
      report();
      return found;
    }
    if (waited === patienceMs && found.position === 0 && found.handled === 0) {
      process.stderr.write("It waits for a host: start the app. It goes on without this command, too.\n");
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
