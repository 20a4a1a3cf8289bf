import type { Command } from "commander";
import { envelopesOf } from "../../core/messaging/envelope.ts";
import { entityOption, tenantOption, withTarget, type TargetOptions } from "../options.ts";
import { print } from "../output.ts";
import { withTools } from "../target/open.ts";

interface ExportOptions extends TargetOptions {
  readonly tenant?: string;
  readonly entity?: string;
}

export function addExport(program: Command): void {
  const command = program
    .command("export")
    .description("print all events as CloudEvents, one a line, in the order in which they were stored")
    .addOption(tenantOption)
    .addOption(entityOption);
  withTarget(command).action(exportEvents);
}

function exportEvents(options: ExportOptions): Promise<void> {
  const { tenant, entity } = options;
  return withTools(options, async ({ records, entityHint }) => {
    const rewind = process.stderr.isTTY ? "\r" : "";
    let events = 0;
    for await (const page of records({ tenant, entity })) {
      const lines = page.flatMap(({ stream, record }) =>
        envelopesOf(stream, record).map((envelope) => JSON.stringify(envelope)),
      );
      if (lines.length > 0) await print(lines.join("\n"));
      events += lines.length;
      if (rewind) process.stderr.write(`${rewind}${events} events`);
    }
    const hint = entity === undefined ? "" : entityHint(entity, tenant);
    process.stderr.write(`${rewind}${events} events exported.${hint}\n`);
  });
}
