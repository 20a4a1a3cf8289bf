import type { Command } from "commander";
import { createRuntime } from "../../core/runtime/runtime.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import {
  appOption,
  entityArgument,
  idArgument,
  ownTenantOption,
  type AppOptions,
  type TargetOptions,
  withTarget,
} from "../options.ts";
import { print } from "../output.ts";
import { cliPrincipal } from "../principal.ts";
import { withTools } from "../target/open.ts";

interface EraseOptions extends AppOptions, TargetOptions {
  readonly tenant: string;
  readonly yes?: boolean;
}

export function addErase(program: Command): void {
  const command = program
    .command("erase")
    .description("blank all payloads of an entity for ever; its id is never used again")
    .addArgument(entityArgument)
    .addArgument(idArgument)
    .addOption(appOption)
    .addOption(ownTenantOption)
    .option("--yes", "do it");
  withTarget(command).action(eraseEntity);
}

async function eraseEntity(entity: string, id: string, options: EraseOptions): Promise<void> {
  const { app: named, tenant, yes } = options;
  const app = await loadApp(findAppFile(named));
  if (!app.entities.has(entity)) {
    throw new CliError(`The app has no entity "${entity}". It has: ${[...app.entities.keys()].join(", ")}.`, 2);
  }
  await withTools(options, async ({ journal, blank }) => {
    const { snapshot, records } = await journal.load({ tenant, entity, id });
    const count = records.at(-1)?.sequence ?? snapshot?.sequence ?? 0;
    if (count === 0) throw new CliError(`Nothing is stored of ${entity} "${id}".`);
    if (!yes) {
      throw new CliError(
        `This would blank ${count} records of ${entity} "${id}" for ever, and its id could not be used again. Say --yes.`,
      );
    }
    const runtime = createRuntime(app, { journal });
    await runtime.erase({ entity, id, principal: cliPrincipal(tenant) });
    await runtime.close();
    await blank({ tenant, entity, id });
  });
  await print(`${entity} "${id}" is erased.`);
}
