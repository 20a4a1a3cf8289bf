import { whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { parseArguments, UsageError } from "../arguments.ts";
import type { Benchmark } from "../harness.ts";
import { runBenchmarks } from "../run.ts";
import { capacity } from "./capacity.ts";
import { warm } from "./commands.ts";
import { hot } from "./hot.ts";

/** In the order in which they run. */
const benchmarks: readonly Benchmark[] = [...warm, hot, capacity];

const names = benchmarks.map(({ name }) => name);

const usage = `npm run bench:aws [-- names...] [--quick] [--json FILE]

Measures Holdfast on DynamoDB against hand-written requests to the same emulator (bench/README.md). The exit code is 1
if a bound is missed.

  --quick      less work, 3 rounds instead of 5: under half a minute
  --json FILE  also writes the rows to FILE

Benchmarks: ${names.join(", ")}
`;

try {
  const given = parseArguments(process.argv.slice(2), names, ["seconds", "check"]);
  const missing = whyNoDynamo();
  if (given.help) {
    process.stdout.write(usage);
  } else if (missing !== undefined) {
    process.stderr.write(`Nothing can be measured: ${missing}.\n`);
    process.exitCode = 2;
  } else {
    const missed = await runBenchmarks(benchmarks, given, "DynamoDB emulator, in a process of its own");
    if (missed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
