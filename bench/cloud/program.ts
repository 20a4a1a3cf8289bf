import { parseArguments, UsageError } from "../arguments.ts";
import type { Benchmark } from "../harness.ts";
import { runBenchmarks } from "../run.ts";

export interface Program {
  /** Of the script: `bench:aws`. */
  readonly script: string;
  /** What it measures against what, in one or two sentences. */
  readonly about: string;
  /** How long `--quick` takes. */
  readonly quick: string;
  /** In the order in which they run. */
  readonly benchmarks: readonly Benchmark[];
  /** Why nothing can be measured here; undefined: it can. */
  missing(): string | undefined;
  /** What the first line says of the emulators. */
  readonly remark: string;
}

/** The program of a cloud: reads the arguments, runs what was asked for. Exit code 1: a bound is missed, 2: it did not run. */
export async function runProgram({ script, about, quick, benchmarks, missing, remark }: Program): Promise<void> {
  const names = benchmarks.map(({ name }) => name);
  const usage = `npm run ${script} [-- names...] [--quick] [--json FILE]

${about} (bench/README.md). The exit code is 1
if a bound is missed.

  --quick      less work, 3 rounds instead of 5: ${quick}
  --json FILE  also writes the rows to FILE

Benchmarks: ${names.join(", ")}
`;
  try {
    const given = parseArguments(process.argv.slice(2), names, ["seconds", "check"]);
    const why = given.help ? undefined : missing();
    if (given.help) {
      process.stdout.write(usage);
    } else if (why !== undefined) {
      process.stderr.write(`Nothing can be measured: ${why}.\n`);
      process.exitCode = 2;
    } else {
      const missed = await runBenchmarks(benchmarks, given, remark);
      if (missed.length > 0) process.exitCode = 1;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exitCode = 2;
  }
}
