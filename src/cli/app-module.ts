import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { App } from "../index.ts";
import { CliError, messageOf } from "./cli-error.ts";
import { typescriptFlags } from "./typescript.ts";

const usualPlaces: readonly string[] = ["functions/app.ts", "app.ts", "src/app.ts", "functions/app.js", "app.js"];

/** The file of the user's app: what was named, else the first of the usual places. */
export function findAppFile(named: string | undefined): string {
  const file = named ?? usualPlaces.find((place) => existsSync(place));
  if (file === undefined) {
    throw new CliError(`No app found here (looked for ${usualPlaces.join(", ")}). Name its file with --app <file>.`, 2);
  }
  if (!existsSync(file)) throw new CliError(`There is no file ${file}.`, 2);
  return resolve(file);
}

// As text, since tsc wraps each computed import() into a helper for relative paths, which this never gets.
const importUrl = new Function("url", "return import(url)") as (url: string) => Promise<{ readonly default?: unknown }>;

/** Loads the app that a module exports by default. */
export async function loadApp(file: string): Promise<App> {
  if (/\.[cm]?ts$/.test(file) && typescriptFlags.length > 0) runAgain(typescriptFlags);
  const { default: app } = await importUrl(pathToFileURL(file).href).catch((cause: unknown) => {
    throw new CliError(`${file} could not be loaded: ${messageOf(cause)}`, 2);
  });
  const serves = process.getActiveResourcesInfo().includes("TCPServerWrap");
  if (serves || typeof app !== "object" || app === null || !("entities" in app) || !(app.entities instanceof Map)) {
    throw new CliError(
      `${file} ${serves ? "starts a server" : "does not export an app by default"}. ` +
        "Name a module with --app that only composes the app: export default h.app({ entities: [...] });",
      2,
    );
  }
  // Checked as far as a value can be: only composing an app makes such an object.
  return app as App;
}

/** Runs this very call in a Node with more flags, and ends as that one does. */
function runAgain(flags: readonly string[]): never {
  const args = [...process.execArgv, ...flags, ...process.argv.slice(1)];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  process.exit(status ?? 1);
}
