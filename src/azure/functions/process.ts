import type { Variables } from "./environment.ts";

/** What the platform's worker tells the function app. */
export function processEnvironment(): Variables {
  return process.env;
}

/** The worker hands it over to the host, which logs it. */
export function writeLine(line: string): void {
  process.stdout.write(line);
}
