import { Argument, type Command, InvalidArgumentError } from "commander";
import { queued, type OutgoingMessage } from "../../core/delivery/outgoing.ts";
import { queueConsumer } from "../../core/delivery/workers.ts";
import { type HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { createSystem } from "../../core/runtime/system.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { checkedName, withTarget, type AppOptions, type TargetOptions } from "../options.ts";
import { print, progress } from "../output.ts";
import { withTools } from "../target/open.ts";
import type { Tools } from "../target/tools.ts";

/** Messages that are stored at once. */
const batchMax = 500;

/** Messages that are named where they were not sent. */
const namedMax = 10;

/** Most of standard input that is read, bytes: all of it is checked before any of it is sent. */
const inputBytesMax = 256 * 1024 * 1024;

interface SendOptions extends AppOptions, TargetOptions {
  readonly id?: string;
  readonly attribute: Readonly<Record<string, string>>;
  readonly lines?: boolean;
  readonly raw?: boolean;
}

export function addSend(program: Command): void {
  const command = program
    .command("send")
    .description("put a message, or several, into a worker's queue; prints their ids")
    .addArgument(new Argument("<queue>", "as the worker names it").argParser(checkedName("Queue")))
    .addArgument(new Argument("[json]", "the message (default: standard input)"))
    .option("--app <file>", "refuse a queue that no worker of this app empties")
    .option("--id <id>", "what makes it the same message when it is sent again (default: a new id)")
    .option("--attribute <name=value>", "beside the message; may be repeated", attribute, {})
    .option("--lines", "standard input has a message in each line (NDJSON)")
    .option("--raw", "send it as it is, JSON or not");
  withTarget(command, "sends").action(sendMessages);
}

function attribute(value: string, previous: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) };
}

async function sendMessages(queue: string, json: string | undefined, options: SendOptions): Promise<void> {
  const { id, lines } = options;
  if (lines && json !== undefined) throw new CliError("--lines is for standard input: name no message beside it.", 2);
  if (lines && id !== undefined) throw new CliError("--id is for one message, not for --lines.", 2);
  if (options.app !== undefined) await checkQueue(options.app, queue);
  const system = createSystem();
  const messages = bodiesOf(json ?? (await readInput()), options).map(({ where, body }) => ({
    where,
    ...explained(where, () => queued(outgoing(body, options), system)),
  }));
  await withTools(options, async ({ send, consumers }) => {
    const report = progress("sent");
    for (let i = 0; i < messages.length; i += batchMax) {
      const batch = messages.slice(i, i + batchMax);
      const errors = await send(queueConsumer(queue), batch);
      const sent = batch.filter((_, n) => errors[n] === undefined).map(({ name }) => name);
      if (sent.length > 0) await print(sent.join("\n"));
      checkSent(batch, errors, messages.length - i - batch.length);
      if (messages.length > batchMax) report(i + batch.length);
    }
    report();
    process.stderr.write(hintAt(await consumers(), queue));
  });
}

async function checkQueue(app: string, queue: string): Promise<void> {
  const { workers } = await loadApp(findAppFile(app));
  const queues = [...workers.values()].map(({ queue }) => queue);
  if (queues.includes(queue)) return;
  const there = queues.length === 0 ? "It has no workers." : `Its workers' queues: ${queues.toSorted().join(", ")}.`;
  throw new CliError(`No worker of the app takes messages from queue "${queue}". ${there}`, 2);
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write("Reading the message from standard input.\n");
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > inputBytesMax) {
      throw new CliError(`Standard input has over ${inputBytesMax} bytes. Send it in several calls.`, 2);
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CliError("Standard input is not valid UTF-8.", 2);
  }
}

function bodiesOf(
  text: string,
  { lines, raw }: SendOptions,
): readonly { readonly where: string; readonly body: string }[] {
  const bodies = lines
    ? text.split(/\r?\n/).flatMap((body, i) => (body.trim() === "" ? [] : [{ where: `Line ${i + 1}`, body }]))
    : [{ where: "The message", body: raw ? text : text.trim() }];
  if (!raw) for (const { where, body } of bodies) explained(where, () => parseJson(body));
  return bodies;
}

function outgoing(body: string, { id, attribute }: SendOptions): OutgoingMessage {
  const attributes = Object.keys(attribute).length > 0 && { attributes: attribute };
  return { body, ...(id !== undefined && { id }), ...attributes };
}

/** Says which message it is that cannot be sent. */
function explained<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    throw new CliError(`${where} cannot be sent: ${error.message}`, 2);
  }
}

/** @throws CliError that says which ones are not there for sure */
function checkSent(
  batch: readonly { readonly where: string; readonly name: string }[],
  errors: readonly (HoldfastError | undefined)[],
  untried: number,
): void {
  const failed = batch.flatMap(({ where, name }, i) => {
    const error = errors[i];
    return error ? [`${where} (${name}) may not be there: ${error.message}`] : [];
  });
  if (failed.length === 0) return;
  const [more, rest] = [failed.length - namedMax, untried];
  throw new CliError(
    [
      ...failed.slice(0, namedMax),
      ...(more > 0 ? [`and ${more} more`] : []),
      ...(rest > 0 ? [`The last ${rest} were not tried.`] : []),
    ].join("\n"),
  );
}

type Known = Awaited<ReturnType<Tools["consumers"]>>;

/** For who has misspelt a queue: the data folder does not know an app's queues, only who has ever taken messages. */
function hintAt(known: Known, queue: string): string {
  if (known === undefined || known.includes(queueConsumer(queue))) return "";
  const prefix = queueConsumer("");
  const queues = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const others = queues.length === 0 ? "" : ` Workers have run for ${queues.join(", ")}.`;
  return `No worker has ever run for queue "${queue}": what is sent waits for one.${others}\n`;
}
