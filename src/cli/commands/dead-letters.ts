import { styleText } from "node:util";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { queueConsumer } from "../../core/delivery/workers.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { DeadLetter } from "../../core/delivery/port.ts";
import type { SqliteJournal } from "../../local/index.ts";
import { CliError } from "../cli-error.ts";
import { subjectOf, viewOf, type LetterView } from "../dead-letter.ts";
import { withJournal } from "../journal.ts";
import { checkedName, dataOption, wholeNumber, type DataOptions } from "../options.ts";
import { print, printable, progress } from "../output.ts";

/** Dead letters that are read, put back or dropped at once. */
const batchMax = 500;

interface ConsumerOptions extends DataOptions {
  readonly subscription?: string;
  readonly queue?: string;
  readonly timer?: string;
  readonly sends?: boolean;
  readonly timers?: boolean;
}

interface ListOptions extends ConsumerOptions {
  readonly limit: number;
  readonly after: number;
  readonly json?: boolean;
}

interface ShowOptions extends DataOptions {
  readonly json?: boolean;
}

interface ChangeOptions extends ConsumerOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

const consumerFlags = ["subscription", "queue", "timer", "sends", "timers"] as const;

const idsArgument = new Argument("[ids...]", "as `list` shows them").argParser(
  (value: string, previous: readonly number[] = []) => [...previous, letterId(value)],
);

export function addDeadLetters(program: Command): void {
  const command = program.command("dead-letters").description("what was given up: look at it, try it again, drop it");
  forConsumers(command.command("list"))
    .description("print what was given up and why, in the order in which it was")
    .option("--limit <number>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1_000)
    .option("--after <id>", "those behind this id", wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option("--json", "one dead letter per line, with all that is known")
    .action(listLetters);
  command
    .command("show")
    .description("print all that is known of one: reason, stack, message")
    .addArgument(new Argument("<id>").argParser(letterId))
    .addOption(dataOption)
    .option("--json", "in one line")
    .action(showLetter);
  forConsumers(command.command("redrive").addArgument(idsArgument))
    .description("put them back where they came from, with no failure counted; a running host notices within a second")
    .option("--all", "all of them, or all of the one consumer that is named")
    .action(redriveLetters);
  forConsumers(command.command("drop").addArgument(idsArgument))
    .description("remove them for good")
    .option("--all", "all of them, or all of the one consumer that is named")
    .option("--yes", "do it")
    .action(dropLetters);
}

function forConsumers(command: Command): Command {
  command.addOption(dataOption);
  const named = [
    new Option("--subscription <name>", "of this subscription only").argParser(checkedName("Subscription")),
    new Option("--queue <name>", "of the worker of this queue only").argParser(checkedName("Queue")),
    new Option("--timer <name>", "of this cron timer only").argParser(checkedName("Timer")),
    new Option("--sends", "of what entities send to each other only"),
    new Option("--timers", "of entities' timers only"),
  ];
  named.forEach((option, i) => command.addOption(option.conflicts(consumerFlags.filter((_, j) => j !== i))));
  return command;
}

function letterId(value: string): number {
  if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("The id of a dead letter is a whole number from 1.");
}

/** The name in the store. */
function consumerOf({ subscription, queue, timer, sends, timers }: ConsumerOptions): string | undefined {
  if (subscription !== undefined) return subscriptionName(subscription);
  if (queue !== undefined) return queueConsumer(queue);
  if (timer !== undefined) return `timer:${timer}`;
  if (sends) return "sends";
  return timers ? "timers" : undefined;
}

/** Page by page; what is added meanwhile too. */
async function* lettersOf(
  journal: SqliteJournal,
  consumer: string | undefined,
  { after = 0, limit = Infinity }: { readonly after?: number; readonly limit?: number } = {},
): AsyncGenerator<readonly DeadLetter[]> {
  for (let left = limit, last = after; left > 0; ) {
    const query = { after: last, limit: Math.min(left, batchMax) };
    const letters = await journal.dead(consumer === undefined ? query : { ...query, consumer });
    const end = letters.at(-1);
    if (!end) return;
    yield letters;
    left -= letters.length;
    last = end.id;
  }
}

function listLetters(options: ListOptions): Promise<void> {
  const { data, json, limit, after } = options;
  const consumer = consumerOf(options);
  return withJournal(data, async (journal) => {
    let last: number | undefined;
    for await (const letters of lettersOf(journal, consumer, { after, limit })) {
      const lines: string[] = [];
      for (const letter of letters) lines.push(lineOf(await viewOf(journal, letter), json));
      await print(lines.join("\n"));
      last = letters.at(-1)?.id;
    }
    if (last === undefined) {
      process.stderr.write(`No dead letters.${await hintAt(journal, consumer)}\n`);
    } else if ((await lettersOf(journal, consumer, { after: last, limit: 1 }).next()).value) {
      process.stderr.write(`There are more: --after ${last}\n`);
    }
  });
}

/** For who has misspelt a consumer: who is there instead. Empty if the consumer is there. */
async function hintAt(journal: SqliteJournal, consumer: string | undefined): Promise<string> {
  if (consumer === undefined) return "";
  const known = await journal.consumers();
  if (known.includes(consumer)) return "";
  return ` There has never been a ${consumer}${known.length === 0 ? "" : `; there are ${known.join(", ")}`}.`;
}

function showLetter(id: number, { data, json }: ShowOptions): Promise<void> {
  return withJournal(data, async (journal) => {
    const letter = await find(journal, id);
    if (!letter) throw missing([id]);
    const view = await viewOf(journal, letter);
    await print(json ? JSON.stringify(view) : [...detailsOf(view)].join("\n"));
  });
}

async function find(journal: SqliteJournal, id: number): Promise<DeadLetter | undefined> {
  const [letter] = await journal.dead({ after: id - 1, limit: 1 });
  return letter?.id === id ? letter : undefined;
}

function missing(ids: readonly number[]): CliError {
  return new CliError(ids.map((id) => `There is no dead letter ${id}.`).join("\n"));
}

async function redriveLetters(ids: readonly number[], options: ChangeOptions): Promise<void> {
  await withJournal(options.data, async (journal) => {
    const redriven = await forEachBatch(journal, ids, options, "redriven", (batch) =>
      journal.redrive(batch, Date.now()),
    );
    await print(`${count(redriven)} put back.`);
  });
}

async function dropLetters(ids: readonly number[], options: ChangeOptions): Promise<void> {
  await withJournal(options.data, async (journal) => {
    if (!options.yes) {
      const found = await forEachBatch(journal, ids, options, "found", async (batch) => batch.length);
      throw new CliError(`This would drop ${count(found)} for good. Say --yes.`);
    }
    const dropped = await forEachBatch(journal, ids, options, "dropped", journal.drop);
    await print(`${count(dropped)} dropped.`);
  });
}

/** Does something to those that were named, or to all of a consumer's; answers how many there were. */
async function forEachBatch(
  journal: SqliteJournal,
  ids: readonly number[],
  options: ChangeOptions,
  done: string,
  act: (ids: readonly number[]) => Promise<number>,
): Promise<number> {
  const consumer = consumerOf(options);
  if (ids.length > 0 && (options.all || consumer !== undefined)) {
    throw new CliError("Name ids, or say --all (of one consumer, if it is named), not both.", 2);
  }
  if (ids.length === 0 && !options.all) throw new CliError("Name ids, or say --all.", 2);
  const report = progress(done);
  let sum = 0;
  for await (const batch of ids.length > 0 ? namedBatches(journal, ids) : allBatches(journal, consumer)) {
    sum += await act(batch);
    if (sum >= batchMax) report(sum);
  }
  report();
  const hint = sum === 0 ? await hintAt(journal, consumer) : "";
  if (hint) throw new CliError(hint.trim());
  return sum;
}

/** @throws CliError before anything is done if one is not there */
async function* namedBatches(journal: SqliteJournal, ids: readonly number[]): AsyncGenerator<readonly number[]> {
  const unique = [...new Set(ids)];
  const absent: number[] = [];
  for (const id of unique) if (!(await find(journal, id))) absent.push(id);
  if (absent.length > 0) throw missing(absent);
  for (let i = 0; i < unique.length; i += batchMax) yield unique.slice(i, i + batchMax);
}

async function* allBatches(journal: SqliteJournal, consumer: string | undefined): AsyncGenerator<readonly number[]> {
  for await (const letters of lettersOf(journal, consumer)) yield letters.map(({ id }) => id);
}

function count(letters: number): string {
  return letters === 1 ? "1 dead letter" : `${letters} dead letters`;
}

function lineOf(view: LetterView, json = false): string {
  if (json) return JSON.stringify(view);
  const { id, since, consumer, reason } = view;
  const message = printable(reason.message.replaceAll(/\s+/g, " "));
  return [
    `${String(id).padStart(5)} ${styleText("dim", since)}  ${styleText("bold", consumer)}  ${subjectOf(view)}`,
    `      ${codeOf(view)} after ${attemptsOf(view)}${message && ": "}${message}`,
  ].join("\n");
}

function codeOf({ reason }: LetterView): string {
  return styleText("yellow", printable(reason.code));
}

function attemptsOf({ attempts }: LetterView): string {
  return attempts === 1 ? "1 attempt" : `${attempts} attempts`;
}

function* detailsOf(view: LetterView): Generator<string> {
  const { id, consumer, tenant, created, since, replay, reason, event, command, message, tick } = view;
  const field = (name: string, value: string): string => `${styleText("dim", name.padEnd(10))} ${value}`;
  yield field("id", String(id));
  yield field("consumer", consumer);
  yield field("message", subjectOf(view));
  if (tenant !== undefined) yield field("tenant", tenant);
  if (event) yield field("event", `${event.id} of ${event.time}, correlation ${event.correlationid}`);
  if (tick) yield field("schedule", `${tick.cron} in ${tick.zone}`);
  if (replay !== undefined) yield field("replay", replay);
  yield field("created", created);
  yield field("failed", `first ${since}, ${attemptsOf(view)}`);
  yield field("reason", `${codeOf(view)}${reason.message && ": "}${printable(reason.message)}`);
  if (message?.attributes !== undefined) yield field("attributes", JSON.stringify(message.attributes));
  if (reason.stack !== undefined) yield `\n${styleText("dim", printable(reason.stack))}`;
  if (event) yield `\n${JSON.stringify(event.data, null, 2)}`;
  if (command?.input !== undefined) yield `\n${JSON.stringify(command.input, null, 2)}`;
  if (message) yield `\n${printable(message.body)}`;
}
