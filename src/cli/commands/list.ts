import type { Command } from "commander";
import { hintAt, withJournal } from "../journal.ts";
import { dataOption, entityArgument, ownTenantOption, wholeNumber, type DataOptions } from "../options.ts";
import { print } from "../output.ts";

interface ListOptions extends DataOptions {
  readonly tenant: string;
  readonly limit: number;
  readonly after?: string;
}

export function addList(program: Command): void {
  program
    .command("list")
    .description("print the ids of an entity's streams, in UTF-8 order")
    .addArgument(entityArgument)
    .addOption(dataOption)
    .addOption(ownTenantOption)
    .option("--limit <number>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1_000)
    .option("--after <id>", "those behind this id")
    .action(printIds);
}

function printIds(entity: string, { data, tenant, limit, after }: ListOptions): Promise<void> {
  return withJournal(data, async (journal) => {
    let last = after;
    for (let left = limit; left > 0; ) {
      const page = { tenant, entity, limit: Math.min(left, 1_000), ...(last !== undefined && { after: last }) };
      const ids = await journal.streams(page);
      if (ids.length === 0) break;
      await print(ids.join("\n"));
      left -= ids.length;
      last = ids.at(-1);
    }
    const hint = last === undefined ? hintAt(data, entity, tenant) : "";
    if (hint) process.stderr.write(`Nothing is stored of ${entity}.${hint}\n`);
  });
}
