import type { App } from "../../core/app.ts";
import { isHoldfastError } from "../../core/errors.ts";
import type { LocalOptions } from "../options.ts";
import { outliveReader } from "./logger.ts";
import { serve, type LocalHost } from "./serve.ts";
import { messageOf } from "./startup.ts";

/**
 * `serve` for a program's main file: says on standard error where it listens, or in one line why it cannot start; then
 * the process's exit code is 1 and nothing is returned. Standard output is the log's.
 */
export async function runLocal<Services>(
  app: App<unknown, Services>,
  options: LocalOptions<Services> = {},
): Promise<LocalHost | undefined> {
  outliveReader(process.stderr);
  try {
    const host = await serve(app, options);
    process.stderr.write(
      `Listening on ${host.url}${host.data === undefined ? "" : ` with the data in ${host.data}`}\n`,
    );
    return host;
  } catch (error) {
    process.stderr.write(`${isHoldfastError(error) ? "" : "Cannot start: "}${messageOf(error)}\n`);
    process.exitCode = 1;
    return undefined;
  }
}
