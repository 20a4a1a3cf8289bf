import { Argument, type Command, Option } from "commander";
import type { App } from "../../core/app.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { Outcome } from "../../core/runtime/requests.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import {
  appOption,
  type AppOptions,
  checkedId,
  checkedName,
  idArgument,
  ownTenantOption,
  type TargetOptions,
  wholeNumber,
  withTarget,
} from "../options.ts";
import { print, printable, progress } from "../output.ts";
import { cliPrincipal } from "../principal.ts";
import { withTools } from "../target/open.ts";
import type { Tools } from "../target/tools.ts";
import { listed, shown } from "../workflow-text.ts";
import { lineOf, showOf, type WorkflowDefinition, workflowOf, type WorkflowShow, workflowsOf } from "../workflow.ts";

interface OneOptions extends AppOptions, TargetOptions {
  readonly tenant: string;
}

interface ListOptions extends OneOptions {
  readonly status?: WorkflowShow["status"];
  readonly limit: number;
  readonly after?: string;
  readonly json?: boolean;
}

interface RetryOptions extends OneOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** Dead letters that are read at once. */
const lettersMax = 500;

/** Workflows that are read, or told something, at once. */
const batchMax = 20;

const statuses: readonly WorkflowShow["status"][] = [
  "running",
  "completed",
  "failed",
  "cancelled",
  "stopped",
  "erased",
  "unreadable",
];

const checkedWorkflow = checkedName("Workflow");
const workflowArgument = new Argument("<workflow>").argParser(checkedWorkflow);

export function addWorkflows(program: Command): void {
  const command = program.command("workflows").description("look at workflows, cancel them, have stopped ones go on");
  ofApp(command.command("list"))
    .addArgument(new Argument("[workflow]", "default: all of the app").argParser(checkedWorkflow))
    .description("print workflows with what they wait for, and why they were stopped, in the order of their ids")
    .addOption(new Option("--status <status>", "those that are so").choices(statuses))
    .option("--limit <number>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1_000)
    .addOption(new Option("--after <id>", "those behind this id, of one workflow").argParser(checkedId))
    .option("--json", "one workflow per line")
    .action(listWorkflows);
  ofApp(command.command("show").addArgument(workflowArgument).addArgument(idArgument))
    .description("print all of one, with the history of its run")
    .option("--json", "in one line, nothing shortened")
    .action(showWorkflow);
  ofApp(command.command("cancel").addArgument(workflowArgument).addArgument(idArgument), "stores")
    .description("have what it waits for fail, and its compensations run")
    .action(cancelWorkflow);
  ofApp(command.command("retry").addArgument(workflowArgument), "stores")
    .addArgument(new Argument("[id]").argParser(checkedId))
    .description("have one that was stopped go on")
    .option("--all", "all that are stopped")
    .option("--yes", "do it, with --all")
    .action(retryWorkflows);
}

function ofApp(command: Command, does?: "stores"): Command {
  return withTarget(command, does).addOption(appOption).addOption(ownTenantOption);
}

const appOf = ({ app }: AppOptions): Promise<App> => loadApp(findAppFile(app));

/** All of a workflow's, or those that are so, page by page, in the order of their ids. */
async function* pagesOf(
  { journal, idsMax }: Tools,
  definition: WorkflowDefinition,
  { tenant, after, status }: Pick<ListOptions, "tenant" | "after" | "status">,
): AsyncGenerator<readonly WorkflowShow[]> {
  for (let last = after; ; ) {
    const page = { tenant, entity: definition.name, limit: idsMax, ...(last !== undefined && { after: last }) };
    const ids = await journal.streams(page);
    for (let i = 0; i < ids.length; i += batchMax) {
      const batch = ids.slice(i, i + batchMax).map((id) => showOf(journal, definition, { tenant, id }));
      const shows = (await Promise.all(batch)).filter((show) => show !== undefined);
      yield status === undefined ? shows : shows.filter((show) => show.status === status);
    }
    if (ids.length < idsMax) return;
    last = ids.at(-1);
  }
}

async function listWorkflows(name: string | undefined, options: ListOptions): Promise<void> {
  const { limit, json, status, after } = options;
  if (name === undefined && after !== undefined) {
    throw new CliError("--after is an id of one workflow: name the workflow, too.", 2);
  }
  const app = await appOf(options);
  const definitions = name === undefined ? workflowsOf(app) : [workflowOf(app, name)];
  if (definitions.length === 0) throw new CliError("The app has no workflows.");
  await withTools(options, async (tools) => {
    let left = limit;
    let last: WorkflowShow | undefined;
    for (const definition of definitions) {
      for await (const page of pagesOf(tools, definition, options)) {
        const shows = page.slice(0, left);
        if (shows.length > 0) await print(shows.map((show) => textOf(show, json)).join("\n"));
        last = shows.at(-1) ?? last;
        left -= shows.length;
        if (last && shows.length < page.length) {
          process.stderr.write(`There are more: workflows list ${last.workflow} --after ${printable(last.id)}\n`);
          return;
        }
      }
    }
    if (last !== undefined) return;
    const names = definitions.map((one) => one.name).join(" or ");
    const hint = name === undefined || status !== undefined ? "" : tools.entityHint(name, options.tenant);
    process.stderr.write(
      status === undefined ? `Nothing is stored of ${names}.${hint}\n` : `No ${names} is ${status}.\n`,
    );
  });
}

function textOf(show: WorkflowShow, json = false): string {
  return json ? JSON.stringify(lineOf(show)) : [...listed(lineOf(show))].join("\n");
}

/** @throws CliError where there is none */
async function find(
  { journal, entityHint }: Tools,
  definition: WorkflowDefinition,
  of: { readonly tenant: string; readonly id: string },
): Promise<WorkflowShow> {
  const show = await showOf(journal, definition, of);
  if (show) return show;
  const { name } = definition;
  throw new CliError(`There is no workflow ${name} "${printable(of.id)}".${entityHint(name, of.tenant)}`);
}

async function showWorkflow(
  name: string,
  id: string,
  options: OneOptions & { readonly json?: boolean },
): Promise<void> {
  const { tenant, json } = options;
  const definition = workflowOf(await appOf(options), name);
  await withTools(options, async (tools) => {
    const found = await find(tools, definition, { tenant, id });
    const show = { ...found, ...(found.status === "running" && (await stuckAt(tools, name, { tenant, id }))) };
    await print(json ? JSON.stringify(show) : [...shown(show)].join("\n"));
  });
}

/** Why nobody drives a workflow that runs: its driver has given up. */
async function stuckAt(
  { letters }: Tools,
  name: string,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<Pick<WorkflowShow, "deadLetter"> | undefined> {
  const consumer = subscriptionName(name);
  for (let after = 0; ; ) {
    const page = await letters.dead({ consumer, after, limit: lettersMax });
    const found = page.find(({ stream }) => stream?.tenant === tenant && stream.entity === name && stream.id === id);
    if (found) return { deadLetter: { id: found.id, code: found.reason.code, message: found.reason.message } };
    const last = page.at(-1);
    if (!last) return undefined;
    after = last.id;
  }
}

/** Why a workflow refuses what it is told. */
type Refusal = Extract<Outcome, { readonly ok: false }>;

/** Tells one something; answers why it refuses. */
type Tell = (id: string, command: "cancel" | "retry") => Promise<Refusal | undefined>;

function textOfRefusal({ code, message }: Refusal): string {
  return `${message} (${code})`;
}

/** Tells workflows something; whoever drives them hears of it. */
async function telling(
  tools: Tools,
  app: App,
  { name, tenant }: { readonly name: string; readonly tenant: string },
  work: (tell: Tell) => Promise<void>,
): Promise<void> {
  const runtime = await tools.runtime(app);
  try {
    await work(async (id, command) => {
      const outcome = await runtime.execute({ entity: name, id, command, principal: cliPrincipal(tenant) });
      return outcome.ok ? undefined : outcome;
    });
  } finally {
    await runtime.close();
  }
}

async function cancelWorkflow(name: string, id: string, options: OneOptions): Promise<void> {
  const { tenant } = options;
  const app = await appOf(options);
  const definition = workflowOf(app, name);
  await withTools(options, async (tools) => {
    await find(tools, definition, { tenant, id });
    await telling(tools, app, { name, tenant }, async (tell) => {
      const refusal = await tell(id, "cancel");
      if (refusal) throw new CliError(textOfRefusal(refusal));
    });
  });
  await print(`${name} "${printable(id)}" is being cancelled.`);
}

async function retryWorkflows(name: string, id: string | undefined, options: RetryOptions): Promise<void> {
  const { tenant, all } = options;
  if ((id === undefined) === (all === undefined)) throw new CliError("Name an id, or say --all, not both.", 2);
  const app = await appOf(options);
  const definition = workflowOf(app, name);
  await withTools(options, async (tools) => {
    if (id === undefined) return retryAll(tools, app, definition, options);
    await find(tools, definition, { tenant, id });
    await telling(tools, app, { name, tenant }, async (tell) => {
      const refusal = await tell(id, "retry");
      if (refusal) throw new CliError(textOfRefusal(refusal));
    });
    await print(`${name} "${printable(id)}" goes on.`);
  });
}

async function retryAll(
  tools: Tools,
  app: App,
  definition: WorkflowDefinition,
  { tenant, yes }: RetryOptions,
): Promise<void> {
  const { name } = definition;
  const ids: string[] = [];
  for await (const page of pagesOf(tools, definition, { tenant, status: "stopped" })) {
    for (const { id } of page) ids.push(id);
  }
  if (ids.length === 0) return print(`No workflow ${name} is stopped.`);
  if (!yes) throw new CliError(`This would have ${stopped(ids.length, name)} go on. Say --yes.`);
  const report = progress("workflows");
  const refusals: string[] = [];
  await telling(tools, app, { name, tenant }, async (tell) => {
    for (let i = 0; i < ids.length; i += batchMax) {
      const batch = ids.slice(i, i + batchMax);
      const answers = await Promise.all(batch.map((id) => tell(id, "retry")));
      for (const [j, refusal] of answers.entries()) {
        if (refusal) refusals.push(`"${printable(batch[j] ?? "")}": ${textOfRefusal(refusal)}`);
      }
      report(i + batch.length);
    }
  }).finally(report);
  await print(
    `${stopped(ids.length - refusals.length, name)} ${ids.length - refusals.length === 1 ? "goes" : "go"} on.`,
  );
  if (refusals.length > 0) throw new CliError(refusals.join("\n"));
}

function stopped(count: number, name: string): string {
  return `${count} stopped ${count === 1 ? "workflow" : "workflows"} ${name}`;
}
