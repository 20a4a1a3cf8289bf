import { styleText } from "node:util";
import type { Command } from "commander";
import { decodeEntries, eraseCommand, type Entry } from "../../core/journal/format.ts";
import type { StoredRecord } from "../../core/journal/port.ts";
import { CliError } from "../cli-error.ts";
import { entityArgument, idArgument, ownTenantOption, withTarget, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withTools } from "../target/open.ts";

interface EventsOptions extends TargetOptions {
  readonly tenant: string;
  readonly json?: boolean;
}

export function addEvents(program: Command): void {
  const command = program
    .command("events")
    .description("print an entity's history: what was asked, what happened, what was sent")
    .addArgument(entityArgument)
    .addArgument(idArgument)
    .addOption(ownTenantOption)
    .option("--json", "one record per line, as it is stored");
  withTarget(command).action(printEvents);
}

function printEvents(entity: string, id: string, options: EventsOptions): Promise<void> {
  const { tenant, json } = options;
  return withTools(options, async ({ journal, entityHint }) => {
    for (let after = 0; ; ) {
      const records = await journal.history({ tenant, entity, id }, { after, limit: 500 });
      const last = records.at(-1);
      if (last === undefined) {
        if (after > 0) return;
        throw new CliError(`Nothing is stored of ${entity} "${id}".${entityHint(entity, tenant)}`);
      }
      after = last.sequence;
      await print(records.flatMap((record) => [...linesOf(record, json)]).join("\n"));
    }
  });
}

function* linesOf(record: StoredRecord, json = false): Generator<string> {
  const entries = decodeEntries(record);
  if (json) return yield JSON.stringify({ ...record, entries });
  let version = record.version - entries.reduce((sum, { events }) => sum + (events?.length ?? 0), 0);
  if (entries.length === 0) yield `${heading(record)}  ${styleText("dim", "(erased)")}`;
  for (const entry of entries) {
    yield `${heading(record)}  ${describeEntry(entry)}`;
    for (const event of entry.events ?? []) {
      yield `      ${styleText("green", `v${++version} ${event.type}`)} ${styleText("dim", JSON.stringify(event.data))}`;
    }
    for (const line of effects(entry)) yield `      ${line}`;
  }
}

function heading(record: { readonly sequence: number; readonly time: number }): string {
  return `${String(record.sequence).padStart(5)} ${styleText("dim", new Date(record.time).toISOString())}`;
}

function describeEntry(entry: Entry): string {
  const name = entry.command === eraseCommand ? styleText("red", "erased") : styleText("bold", entry.command);
  const who = entry.principal === undefined ? "" : ` by ${entry.principal}`;
  const rejected = entry.rejected ? styleText("yellow", ` rejected: ${entry.rejected.code}`) : "";
  return `${name}${who}${rejected}`;
}

function effects(entry: Entry): readonly string[] {
  return [
    ...(entry.messages ?? []).map(({ entity, id, command }) => `-> ${entity} "${id}" ${command}`),
    ...(entry.timers ?? []).map(({ name, at, command }) =>
      at === undefined ? `timer ${name} cancelled` : `timer ${name} at ${new Date(at).toISOString()}: ${command}`,
    ),
  ];
}
