import { isHoldfastError } from "holdfast";
import { runLocal } from "holdfast/local";
import { shopServices } from "../examples/shop/services.ts";
import { createTerminal } from "../examples/shop/terminal.ts";
import { watched } from "../examples/shop/ticker.ts";
import { welcome } from "../examples/shop/welcome.ts";
import app from "./app.ts";

/** Whoever sits at a terminal sees what happens; a pipe gets the log, JSON lines on standard output. */
const { stdout, stderr, env } = process;
const terminal = stderr.isTTY ? createTerminal(stderr) : undefined;
const logger = stdout.isTTY && !env["HOLDFAST_LOG"] ? terminal?.logger : undefined;

/** The app in one process, on SQLite. */
try {
  const services = shopServices(env);
  const host = await runLocal(terminal ? watched(app, terminal) : app, { services, ...(logger && { logger }) });
  if (host) stderr.write(welcome(host.url));
} catch (error) {
  if (!isHoldfastError(error, "invalid-options")) throw error;
  stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
