import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { App, Manifest } from "../index.ts";
import { CliError } from "./cli-error.ts";

const usualPlaces: readonly string[] = ["functions/app.ts", "app.ts", "src/app.ts", "functions/app.js", "app.js"];

/** The file of the user's app: what was named, else the first of the usual places. */
export function findAppFile(named: string | undefined): string {
  const file = named ?? usualPlaces.find((place) => existsSync(place));
  if (file === undefined) {
    throw new CliError(`No app found here (looked for ${usualPlaces.join(", ")}). Name its file with --app <file>.`);
  }
  if (!existsSync(file)) throw new CliError(`There is no file ${file}.`);
  return resolve(file);
}

/** Loads the app that a module exports by default. */
export async function loadApp(file: string): Promise<App> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (cause) {
    throw new CliError(`${file} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const app = module.default;
  if (typeof app !== "object" || app === null || !("entities" in app) || !(app.entities instanceof Map)) {
    throw new CliError(`${file} does not export an app by default: export default h.app({ entities: [...] });`);
  }
  // Checked as far as a value can be: only composing an app makes such an object.
  return app as App;
}

/** Reads what `holdfast manifest` has printed before. */
export function readManifest(file: string): Manifest {
  if (!existsSync(file)) throw new CliError(`There is no file ${file}.`);
  let found: Partial<Manifest> | null;
  try {
    found = JSON.parse(readFileSync(file, "utf8")) as Partial<Manifest> | null;
  } catch {
    throw new CliError(`${file} is not JSON.`);
  }
  if (found?.format !== 1 || typeof found.entities !== "object") {
    throw new CliError(`${file} is no manifest of a version that this holdfast knows.`);
  }
  // As far as a value can be checked: `manifest` is the only one to write this format.
  return found as Manifest;
}
