import { parseArguments, usage, UsageError } from "./arguments.ts";
import { chain } from "./chain/main.ts";
import { coldEntity, keyWindow } from "./cold-entity.ts";
import { events, subscriptions, timers } from "./delivery.ts";
import type { Benchmark } from "./harness.ts";
import { http } from "./http.ts";
import { inProcess } from "./in-process.ts";
import { memory } from "./memory.ts";
import { overload } from "./overload.ts";
import { runBenchmarks } from "./run.ts";
import { importRoot, start } from "./start.ts";
import { storedRecords } from "./stored-records.ts";
import { workflows } from "./workflows.ts";

/** In the order in which they run. */
const benchmarks: readonly Benchmark[] = [
  ...inProcess,
  http,
  coldEntity,
  keyWindow,
  storedRecords,
  events,
  subscriptions,
  timers,
  workflows,
  chain,
  memory,
  overload,
  start,
  importRoot,
];

const names = benchmarks.map(({ name }) => name);

try {
  const given = parseArguments(process.argv.slice(2), names);
  if (given.help) {
    process.stdout.write(usage(names));
  } else {
    const missed = await runBenchmarks(benchmarks, given);
    if (given.check && missed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage(names)}`);
  process.exitCode = 2;
}
