import { existsSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { incompatibilities, manifest, type Manifest } from "../../index.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { CliError } from "../cli-error.ts";
import { appOption, type AppOptions } from "../options.ts";
import { print } from "../output.ts";

interface ManifestOptions extends AppOptions {
  readonly check?: string;
}

export function addManifest(program: Command): void {
  program
    .command("manifest")
    .description("print what the app declares, as JSON")
    .addOption(appOption)
    .option("--check <file>", "compare with the manifest of what is deployed; exit code 1 if it would break")
    .action(async ({ app, check }: ManifestOptions) => {
      const next = manifest(await loadApp(findAppFile(app)));
      if (check === undefined) return print(JSON.stringify(next, null, 2));
      const problems = incompatibilities(readManifest(check), next);
      if (problems.length > 0) throw new CliError(problems.join("\n"));
      await print(`Nothing that ${check} declares would break.`);
    });
}

/** Reads what `holdfast manifest` has printed before. */
function readManifest(file: string): Manifest {
  if (!existsSync(file)) throw new CliError(`There is no file ${file}.`, 2);
  let found: Partial<Manifest> | null;
  try {
    found = JSON.parse(readFileSync(file, "utf8")) as Partial<Manifest> | null;
  } catch {
    throw new CliError(`${file} is not JSON.`, 2);
  }
  const parts = [found?.entities, found?.subscriptions, found?.workers, found?.timers];
  if (found?.format !== 1 || parts.some((part) => typeof part !== "object" || part === null)) {
    throw new CliError(`${file} is no manifest of a version that this holdfast knows.`, 2);
  }
  // As far as a value can be checked: `manifest` is the only one to write this format.
  return found as Manifest;
}
