import type { Command } from "commander";
import { envelopesOf } from "../../core/messaging/envelope.ts";
import { hintAt, withJournal } from "../journal.ts";
import { dataOption, entityOption, tenantOption, type DataOptions } from "../options.ts";
import { print } from "../output.ts";

interface ExportOptions extends DataOptions {
  readonly tenant?: string;
  readonly entity?: string;
}

export function addExport(program: Command): void {
  program
    .command("export")
    .description("print all events as CloudEvents, one a line, in the order in which they were stored")
    .addOption(dataOption)
    .addOption(tenantOption)
    .addOption(entityOption)
    .action(exportEvents);
}

function exportEvents({ data, tenant, entity }: ExportOptions): Promise<void> {
  return withJournal(data, async (journal) => {
    const rewind = process.stderr.isTTY ? "\r" : "";
    let events = 0;
    for (let position = 0; ; ) {
      const records = await journal.recordsAfter(position, 1_000);
      const last = records.at(-1);
      if (last === undefined) break;
      position = last.position;
      const lines = records
        .filter(({ stream }) => stream.tenant === (tenant ?? stream.tenant))
        .filter(({ stream }) => stream.entity === (entity ?? stream.entity))
        .flatMap(({ stream, record }) => envelopesOf(stream, record).map((envelope) => JSON.stringify(envelope)));
      if (lines.length > 0) await print(lines.join("\n"));
      events += lines.length;
      if (rewind) process.stderr.write(`${rewind}${events} events`);
    }
    const hint = entity === undefined ? "" : hintAt(data, entity, tenant);
    process.stderr.write(`${rewind}${events} events exported.${hint}\n`);
  });
}
