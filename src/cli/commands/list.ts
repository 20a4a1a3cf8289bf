import type { Command } from "commander";
import { entityArgument, ownTenantOption, wholeNumber, withTarget, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withTools } from "../target/open.ts";

interface ListOptions extends TargetOptions {
  readonly tenant: string;
  readonly limit: number;
  readonly after?: string;
}

export function addList(program: Command): void {
  const command = program
    .command("list")
    .description("print the ids of an entity's streams, in UTF-8 order")
    .addArgument(entityArgument)
    .addOption(ownTenantOption)
    .option("--limit <number>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1_000)
    .option("--after <id>", "those behind this id");
  withTarget(command).action(printIds);
}

function printIds(entity: string, options: ListOptions): Promise<void> {
  const { tenant, limit, after } = options;
  return withTools(options, async ({ journal, idsMax, entityHint }) => {
    let last = after;
    for (let left = limit; left > 0; ) {
      const page = { tenant, entity, limit: Math.min(left, idsMax), ...(last !== undefined && { after: last }) };
      const ids = await journal.streams(page);
      if (ids.length === 0) break;
      await print(ids.join("\n"));
      left = ids.length < page.limit ? 0 : left - ids.length;
      last = ids.at(-1);
    }
    const hint = last === undefined ? entityHint(entity, tenant) : "";
    if (hint) process.stderr.write(`Nothing is stored of ${entity}.${hint}\n`);
  });
}
