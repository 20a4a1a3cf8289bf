import { styleText } from "node:util";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { wakeUps } from "../../core/broker/wake-ups.ts";
import { queueConsumer } from "../../core/delivery/workers.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { DeadLetter } from "../../core/delivery/port.ts";
import { CliError } from "../cli-error.ts";
import { relayConsumer, subjectOf, viewOf, type LetterView } from "../dead-letter.ts";
import { checkedName, wholeNumber, withTarget, type TargetOptions } from "../options.ts";
import { print, printable, progress } from "../output.ts";
import { withTools } from "../target/open.ts";
import type { Tools } from "../target/tools.ts";

/** Dead letters that are read, put back or dropped at once. */
const batchMax = 500;

interface ConsumerOptions extends TargetOptions {
  readonly subscription?: string;
  readonly queue?: string;
  readonly timer?: string;
  readonly sends?: boolean;
  readonly timers?: boolean;
  readonly relay?: boolean;
  readonly wakeups?: boolean;
}

interface ListOptions extends ConsumerOptions {
  readonly limit: number;
  readonly after: number;
  readonly json?: boolean;
}

interface ShowOptions extends TargetOptions {
  readonly json?: boolean;
}

interface ChangeOptions extends ConsumerOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

const consumerFlags = ["subscription", "queue", "timer", "sends", "timers", "relay", "wakeups"] as const;

const idsArgument = new Argument("[ids...]", "as `list` shows them").argParser(
  (value: string, previous: readonly number[] = []) => [...previous, letterId(value)],
);

export function addDeadLetters(program: Command): void {
  const command = program.command("dead-letters").description("what was given up: look at it, try it again, drop it");
  forConsumers(command.command("list"))
    .description("print what was given up and why, by ids")
    .option("--limit <number>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1_000)
    .option("--after <id>", "those behind this id", wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option("--json", "one dead letter per line, with all that is known")
    .action(listLetters);
  withTarget(command.command("show").addArgument(new Argument("<id>").argParser(letterId)))
    .description("print all that is known of one: reason, stack, message")
    .option("--json", "in one line")
    .action(showLetter);
  forConsumers(command.command("redrive").addArgument(idsArgument), "sends")
    .description("put them back where they came from, with no failure counted; a running host notices within a second")
    .option("--all", "all of them, or all of the one consumer that is named")
    .action(redriveLetters);
  forConsumers(command.command("drop").addArgument(idsArgument))
    .description("remove them for good")
    .option("--all", "all of them, or all of the one consumer that is named")
    .option("--yes", "do it")
    .action(dropLetters);
}

function forConsumers(command: Command, sends?: "sends"): Command {
  withTarget(command, sends);
  const named = [
    new Option("--subscription <name>", "of this subscription only").argParser(checkedName("Subscription")),
    new Option("--queue <name>", "of the worker of this queue only").argParser(checkedName("Queue")),
    new Option("--timer <name>", "of this cron timer only").argParser(checkedName("Timer")),
    new Option("--sends", "of what entities send to each other only"),
    new Option("--timers", "of entities' timers only"),
    new Option("--relay", "records that could not be relayed only (aws, azure)"),
    new Option("--wakeups", "of what looks after records that were not published only (azure)"),
  ];
  named.forEach((option, i) => command.addOption(option.conflicts(consumerFlags.filter((_, j) => j !== i))));
  return command;
}

function letterId(value: string): number {
  if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("The id of a dead letter is a whole number from 1.");
}

/** The name in the store. */
function consumerOf({
  subscription,
  queue,
  timer,
  sends,
  timers,
  relay,
  wakeups,
}: ConsumerOptions): string | undefined {
  if (subscription !== undefined) return subscriptionName(subscription);
  if (queue !== undefined) return queueConsumer(queue);
  if (timer !== undefined) return `timer:${timer}`;
  if (sends) return "sends";
  if (relay) return relayConsumer;
  if (wakeups) return wakeUps;
  return timers ? "timers" : undefined;
}

/** Page by page; what is added meanwhile too. */
async function* lettersOf(
  { letters: store }: Tools,
  consumer: string | undefined,
  { after = 0, limit = Infinity }: { readonly after?: number; readonly limit?: number } = {},
): AsyncGenerator<readonly DeadLetter[]> {
  for (let left = limit, last = after; left > 0; ) {
    const query = { after: last, limit: Math.min(left, batchMax) };
    const letters = await store.dead(consumer === undefined ? query : { ...query, consumer });
    const end = letters.at(-1);
    if (!end) return;
    yield letters;
    left -= letters.length;
    last = end.id;
  }
}

function listLetters(options: ListOptions): Promise<void> {
  const { json, limit, after } = options;
  const consumer = consumerOf(options);
  return withTools(options, async (tools) => {
    let last: number | undefined;
    for await (const letters of lettersOf(tools, consumer, { after, limit })) {
      const lines: string[] = [];
      for (const letter of letters) lines.push(lineOf(await viewOf(tools.journal, letter), json));
      await print(lines.join("\n"));
      last = letters.at(-1)?.id;
    }
    if (last === undefined) {
      process.stderr.write(`No dead letters.${await hintAt(tools, consumer)}\n`);
    } else if ((await lettersOf(tools, consumer, { after: last, limit: 1 }).next()).value) {
      process.stderr.write(`There are more: --after ${last}\n`);
    }
  });
}

/** For who has misspelt a consumer: who is there instead. Empty if the consumer is there. */
async function hintAt({ consumers }: Tools, consumer: string | undefined): Promise<string> {
  const known = consumer === undefined ? undefined : await consumers();
  if (consumer === undefined || known === undefined || known.includes(consumer)) return "";
  return ` There has never been a ${consumer}${known.length === 0 ? "" : `; there are ${known.join(", ")}`}.`;
}

function showLetter(id: number, options: ShowOptions): Promise<void> {
  return withTools(options, async (tools) => {
    const letter = await find(tools, id);
    if (!letter) throw missing([id]);
    const view = await viewOf(tools.journal, letter);
    await print(options.json ? JSON.stringify(view) : [...detailsOf(view)].join("\n"));
  });
}

async function find({ letters }: Tools, id: number): Promise<DeadLetter | undefined> {
  const [letter] = await letters.dead({ after: id - 1, limit: 1 });
  return letter?.id === id ? letter : undefined;
}

function missing(ids: readonly number[]): CliError {
  return new CliError(ids.map((id) => `There is no dead letter ${id}.`).join("\n"));
}

async function redriveLetters(ids: readonly number[], options: ChangeOptions): Promise<void> {
  await withTools(options, async (tools) => {
    const redriven = await forEachBatch(tools, ids, options, "redriven", (batch) =>
      tools.letters.redrive(batch, Date.now()),
    );
    await print(`${count(redriven)} put back.`);
    if (!options.all || consumerOf(options) !== undefined) return;
    const [stays] = await tools.letters.dead({ consumer: relayConsumer, limit: 1 });
    if (stays) process.stderr.write("Records that could not be relayed stay: holdfast relay tries them again.\n");
  });
}

async function dropLetters(ids: readonly number[], options: ChangeOptions): Promise<void> {
  await withTools(options, async (tools) => {
    if (!options.yes) {
      const found = await forEachBatch(tools, ids, options, "found", async (batch) => batch.length);
      throw new CliError(`This would drop ${count(found)} for good. Say --yes.`);
    }
    const dropped = await forEachBatch(tools, ids, options, "dropped", tools.letters.drop);
    await print(`${count(dropped)} dropped.`);
  });
}

/** Does something to those that were named, or to all of a consumer's; answers how many there were. */
async function forEachBatch(
  tools: Tools,
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
  for await (const batch of ids.length > 0
    ? namedBatches(tools, ids)
    : allBatches(tools, consumer, done === "redriven")) {
    sum += await act(batch);
    if (sum >= batchMax) report(sum);
  }
  report();
  const hint = sum === 0 ? await hintAt(tools, consumer) : "";
  if (hint) throw new CliError(hint.trim());
  return sum;
}

/** @throws CliError before anything is done if one is not there */
async function* namedBatches(tools: Tools, ids: readonly number[]): AsyncGenerator<readonly number[]> {
  const unique = [...new Set(ids)];
  const absent: number[] = [];
  for (const id of unique) if (!(await find(tools, id))) absent.push(id);
  if (absent.length > 0) throw missing(absent);
  for (let i = 0; i < unique.length; i += batchMax) yield unique.slice(i, i + batchMax);
}

async function* allBatches(
  tools: Tools,
  consumer: string | undefined,
  redrivable: boolean,
): AsyncGenerator<readonly number[]> {
  for await (const letters of lettersOf(tools, consumer)) {
    // No queue has ever held a record that could not be relayed.
    const some = letters.filter((letter) => !redrivable || consumer !== undefined || letter.consumer !== relayConsumer);
    if (some.length > 0) yield some.map(({ id }) => id);
  }
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
