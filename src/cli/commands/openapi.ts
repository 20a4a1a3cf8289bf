import type { Command } from "commander";
import { createOpenApi } from "../../http/index.ts";
import { findAppFile, loadApp } from "../app-module.ts";
import { appOption, type AppOptions } from "../options.ts";
import { print } from "../output.ts";

export function addOpenApi(program: Command): void {
  program
    .command("openapi")
    .description("print the app's OpenAPI 3.1 document")
    .addOption(appOption)
    .action(async ({ app }: AppOptions) => {
      await print(JSON.stringify(createOpenApi(await loadApp(findAppFile(app))), null, 2));
    });
}
