import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { checkId, checkName, checkTenant } from "../core/entity/names.ts";
import { CliError, messageOf } from "./cli-error.ts";

/** A parser for commander, which then says which option, argument or variable has a value that `check` refuses. */
function checked(check: (value: string) => void): (value: string) => string {
  return (value) => {
    try {
      check(value);
      return value;
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
}

/** Parses a whole number within bounds; an empty variable counts as none. */
export function wholeNumber(min: number, max: number): (value: string, previous: number) => number {
  return (value, previous) => {
    if (value === "") return previous;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A parser for names of that kind. */
export function checkedName(kind: string): (value: string) => string {
  return checked((value) => checkName(kind, value));
}

const checkedEntity = checkedName("Entity");

export const entityArgument: Argument = new Argument("<entity>").argParser(checkedEntity);
/** A parser for ids. */
export const checkedId: (value: string) => string = checked(checkId);
export const idArgument: Argument = new Argument("<id>").argParser(checkedId);

export const entityOption: Option = new Option("--entity <name>", "of one entity only").argParser(checkedEntity);
export const tenantOption: Option = new Option("--tenant <name>", "of one tenant only").argParser(checked(checkTenant));
export const ownTenantOption: Option = new Option("--tenant <name>", "whose entity")
  .default("default")
  .argParser(checked(checkTenant));

export const appOption: Option = new Option(
  "--app <file>",
  "the module that exports the app (default: functions/app.ts, app.ts, ...)",
);
export interface AppOptions {
  readonly app?: string;
}

export const dataOption: Option = new Option("--data <folder>", "the folder of the journal")
  .env("HOLDFAST_DATA")
  .default(".holdfast")
  .argParser((value, previous: string) => value || previous);
export interface DataOptions {
  readonly data: string;
}

/** Where things are stored. */
const targets = ["local", "aws", "azure"] as const;
export type Target = (typeof targets)[number];

function targetOf(value: string, previous: Target): Target {
  if (value === "") return previous;
  const target = targets.find((each) => each === value);
  if (target) return target;
  throw new InvalidArgumentError(`There are ${targets.slice(0, -1).join(", ")} and ${targets.at(-1)}.`);
}

const targetOption = new Option("--target <name>", "where things are stored: local, aws or azure")
  .env("HOLDFAST_TARGET")
  .default("local" satisfies Target)
  .argParser(targetOf);

const tableOption = new Option("--table <name>", "the journal's table (aws; azure, default there: journal)").env(
  "HOLDFAST_TABLE",
);
const tableUrlOption = new Option("--table-url <url>", "the address of the storage account's tables (azure)").env(
  "HOLDFAST_TABLE_URL",
);
const queuesOption = new Option("--queues <prefix>", "what the URLs of all queues begin with (aws)").env(
  "HOLDFAST_QUEUES",
);
/** Of commands that have what they store published: on AWS the table does. */
const publishOptions: readonly Option[] = [
  new Option("--service-bus <host>", "the host name of the Service Bus namespace (azure)").env(
    "HOLDFAST_SERVICEBUS__fullyQualifiedNamespace",
  ),
  new Option("--prefix <text>", "what the names of topic and queues begin with (azure)").env("HOLDFAST_PREFIX"),
];
export const topicOption: Option = new Option("--topic <arn>", "the SNS FIFO topic (aws)").env("HOLDFAST_TOPIC");

/** Of which targets an option is; those that are not here are of all. */
const targetsOf: { readonly [option: string]: readonly Target[] } = {
  data: ["local"],
  table: ["aws", "azure"],
  queues: ["aws"],
  topic: ["aws"],
  now: ["aws"],
  tableUrl: ["azure"],
  serviceBus: ["azure"],
  prefix: ["azure"],
  created: ["azure"],
};

/** What finds the place where things are stored. An empty text is none: a variable that was set to nothing. */
export interface TargetOptions extends DataOptions {
  readonly target: Target;
  readonly table?: string;
  readonly queues?: string;
  readonly topic?: string;
  readonly tableUrl?: string;
  readonly serviceBus?: string;
  readonly prefix?: string;
}

/** Adds the options of commands that read the journal, and those of commands that fill queues, or that store what others are told of. */
export function withTarget(command: Command, does?: "sends" | "stores"): Command {
  const others = [...(does === "sends" ? [queuesOption] : []), ...(does === undefined ? [] : publishOptions)];
  for (const option of [dataOption, targetOption, tableOption, tableUrlOption, ...others]) command.addOption(option);
  return command;
}

/**
 * Refuses what the command line says of one target where another one is meant: whoever erases must not do it elsewhere.
 * @throws CliError
 */
export function checkTarget(command: Command): void {
  const target = targets.find((each) => each === command.getOptionValue("target"));
  if (target === undefined) return;
  for (const option of command.options) {
    const name = option.attributeName();
    const own = targetsOf[name] ?? targets;
    if (own.includes(target) || command.getOptionValueSource(name) !== "cli") continue;
    const are = own.length === 1 ? "target" : "targets";
    throw new CliError(
      `${option.long} is of the ${are} ${own.join(" and ")}, and the target is ${target}. Say --target ${own.join(" or ")}.`,
      2,
    );
  }
}

/** Parses a day or a time: epoch milliseconds. */
export function timeOf(value: string): number {
  const time = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError("It must be a day or a time: 2026-11-21 or 2026-11-21T08:30:00Z.");
}
