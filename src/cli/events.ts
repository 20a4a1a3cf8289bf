import { styleText } from "node:util";
import { checkId, checkTenant } from "../core/entity/names.ts";
import { decodeEntries, eraseCommand, type Entry } from "../core/journal/format.ts";
import type { StoredRecord } from "../core/journal/port.ts";
import type { SqliteJournal } from "../local/index.ts";
import { CliError } from "./cli-error.ts";

export interface EventsOptions {
  readonly tenant: string;
  readonly json?: boolean;
}

type Print = (line: string) => void;

/** Prints the history of an entity, record by record: what was asked, what happened, what was sent. */
export async function printEvents(
  journal: SqliteJournal,
  entity: string,
  id: string,
  options: EventsOptions,
  print: Print,
): Promise<void> {
  checkId(id);
  checkTenant(options.tenant);
  const stream = { tenant: options.tenant, entity, id };
  let after = 0;
  for (;;) {
    const records = await journal.history(stream, { after, limit: 500 });
    if (records.length === 0) break;
    for (const record of records) {
      after = record.sequence;
      const entries = decodeEntries(record);
      if (options.json) print(JSON.stringify({ ...record, entries }));
      else for (const line of linesOf(record, entries)) print(line);
    }
  }
  if (after === 0) throw new CliError(`Nothing is stored of ${entity} "${id}".`);
}

function* linesOf(record: StoredRecord, entries: readonly Entry[]): Generator<string> {
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
