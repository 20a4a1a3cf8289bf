import { existsSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";
import { decodeEntries, eraseCommand, type Entry } from "../core/journal/format.ts";
import { createSystem } from "../core/runtime/system.ts";
import { checkId, checkTenant } from "../core/entity/names.ts";
import { createSqliteJournal } from "../local/index.ts";
import { CliError } from "./cli-error.ts";

export interface EventsOptions {
  readonly data: string;
  readonly tenant: string;
  readonly json?: boolean;
}

type Print = (line: string) => void;

/** Prints the history of an entity, record by record: what was asked, what happened, what was sent. */
export async function printEvents(entity: string, id: string, options: EventsOptions, print: Print): Promise<void> {
  checkId(id);
  checkTenant(options.tenant);
  const file = join(options.data, "holdfast.db");
  if (!existsSync(file)) throw new CliError(`There is no journal at ${file}. Name its folder with --data <folder>.`);
  const journal = createSqliteJournal({ file, system: createSystem() });
  try {
    const stream = { tenant: options.tenant, entity, id };
    let found = false;
    for (let after = 0; ; ) {
      const records = await journal.history(stream, { after, limit: 500 });
      if (records.length === 0) break;
      for (const record of records) {
        found = true;
        after = record.sequence;
        const entries = decodeEntries(record);
        if (options.json) {
          print(JSON.stringify({ ...record, entries }));
          continue;
        }
        let version = record.version - entries.reduce((sum, { events }) => sum + (events?.length ?? 0), 0);
        if (entries.length === 0) print(`${heading(record)}  ${styleText("dim", "(erased)")}`);
        for (const entry of entries) {
          print(`${heading(record)}  ${describeEntry(entry)}`);
          for (const event of entry.events ?? []) {
            const data = styleText("dim", JSON.stringify(event.data));
            print(`      ${styleText("green", `v${++version} ${event.type}`)} ${data}`);
          }
          for (const line of effects(entry)) print(`      ${line}`);
        }
      }
    }
    if (!found && !options.json) throw new CliError(`Nothing is stored of ${entity} "${id}" in ${file}.`);
  } finally {
    await journal.close();
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
