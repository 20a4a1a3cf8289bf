import { envelopesOf } from "../core/messaging/envelope.ts";
import type { App } from "../core/entity/app.ts";
import { createRuntime, systemPrincipal } from "../core/runtime/runtime.ts";
import type { SqliteJournal } from "../local/index.ts";
import { CliError } from "./cli-error.ts";

type Print = (line: string) => void;

export interface ListOptions {
  readonly tenant: string;
  readonly limit: string;
  readonly after?: string;
}

/** Prints the ids of an entity's streams, one a line, in UTF-8 order. */
export async function printIds(
  journal: SqliteJournal,
  entity: string,
  options: ListOptions,
  print: Print,
): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new CliError(`--limit is a whole number from 1, not ${options.limit}.`);
  let { after } = options;
  for (let left = limit; left > 0; ) {
    const ids = await journal.streams({
      tenant: options.tenant,
      entity,
      limit: Math.min(left, 1_000),
      ...(after !== undefined && { after }),
    });
    for (const id of ids) print(id);
    left -= ids.length;
    after = ids.at(-1);
    if (ids.length === 0) break;
  }
}

export interface ExportOptions {
  readonly tenant?: string;
  readonly entity?: string;
}

/** Prints all events in the order of their commits, as CloudEvents, one a line. Resolves with their number. */
export async function exportEvents(
  journal: SqliteJournal,
  options: ExportOptions,
  print: Print,
  progress: (events: number) => void,
): Promise<number> {
  let events = 0;
  for (let position = 0; ; ) {
    const records = await journal.recordsAfter(position, 1_000);
    if (records.length === 0) return events;
    for (const { stream, record, position: at } of records) {
      position = at;
      if (options.tenant !== undefined && stream.tenant !== options.tenant) continue;
      if (options.entity !== undefined && stream.entity !== options.entity) continue;
      for (const envelope of envelopesOf(stream, record)) {
        print(JSON.stringify(envelope));
        events++;
      }
    }
    progress(events);
  }
}

export interface EraseOptions {
  readonly tenant: string;
  readonly yes?: boolean;
}

/** Erases an entity for good, once the user has said `--yes`. */
export async function eraseEntity(
  journal: SqliteJournal,
  app: App,
  entity: string,
  id: string,
  { tenant, yes }: EraseOptions,
): Promise<string> {
  const stream = { tenant, entity, id };
  const { snapshot, records } = await journal.load(stream);
  const count = records.at(-1)?.sequence ?? snapshot?.sequence ?? 0;
  if (count === 0) throw new CliError(`Nothing is stored of ${entity} "${id}".`);
  if (!yes) {
    throw new CliError(
      `This would blank ${count} records of ${entity} "${id}" for ever, and its id could not be used again. Say --yes.`,
    );
  }
  const runtime = createRuntime(app, { journal });
  await runtime.erase({ entity, id, principal: { ...systemPrincipal, tenant } });
  await runtime.close();
  return `${entity} "${id}" is erased.`;
}
