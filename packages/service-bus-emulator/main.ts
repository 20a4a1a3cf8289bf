#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { checkConfig, startServiceBus } from "./index.ts";

// `service-bus-emulator config.json`: serves the entities of that file until it is told to end.

const [, , path, ...rest] = process.argv;
if (path === undefined || path.startsWith("-") || rest.length > 0) {
  process.stderr.write("Usage: service-bus-emulator <config.json>. The README of the package has an example.\n");
  process.exit(2);
}
try {
  const bus = await startServiceBus(checkConfig(JSON.parse(readFileSync(path, "utf8"))));
  process.stdout.write(`${bus.connectionString}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      void bus.stop().then(() => process.exit(0));
    });
  }
} catch (error) {
  process.stderr.write(`${path}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
