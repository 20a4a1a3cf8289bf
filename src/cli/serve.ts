import { runLocal } from "../local/index.ts";
import { loadApp } from "./app-module.ts";
import { CliError } from "./cli-error.ts";

/** What `holdfast dev` runs and runs again: the app whose file is the first argument. */
try {
  await runLocal(await loadApp(process.argv[2] ?? ""));
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`${error.message}\n`);
  // Not left to Node: a server that the module has started would stay.
  process.exit(error.exitCode);
}
