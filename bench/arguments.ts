import { parseArgs } from "node:util";

export interface Arguments {
  /** What to run; empty: everything. */
  readonly names: readonly string[];
  /** Where the rows go as JSON. */
  readonly json: string | undefined;
  readonly quick: boolean;
  /** How long the overload lasts. */
  readonly seconds: number | undefined;
  /** Exit code 1 if a bound is missed. */
  readonly check: boolean;
  readonly help: boolean;
}

/** What was wrong with the command line, for the terminal. */
export class UsageError extends Error {}

const options = {
  json: { type: "string" },
  quick: { type: "boolean" },
  seconds: { type: "string" },
  check: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/**
 * `without`: options that the program does not have.
 * @throws UsageError for an unknown option or benchmark
 */
export function parseArguments(
  args: readonly string[],
  known: readonly string[],
  without: readonly (keyof typeof options)[] = [],
): Arguments {
  const { values, positionals } = parse(args);
  for (const name of without) {
    if (values[name] !== undefined) throw new UsageError(`Unknown option '--${name}'.`);
  }
  for (const name of positionals) {
    if (!known.includes(name)) throw new UsageError(`Unknown benchmark "${name}". Known: ${known.join(", ")}.`);
  }
  const { json, quick = false, check = false, help = false } = values;
  if (json === "") throw new UsageError("--json needs the name of a file.");
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3_600)) {
    throw new UsageError(`--seconds is "${values.seconds}"; it must be a whole number from 1 to 3600.`);
  }
  return { names: positionals, json, quick, seconds, check, help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options,
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

export function usage(known: readonly string[]): string {
  return `npm run bench [-- names...] [--quick] [--seconds N] [--json FILE] [--check]

Measures Holdfast against hand-written node:sqlite on the same disk (bench/README.md).

  --quick      less work, 3 rounds instead of 5: under a minute
  --seconds N  of overload, instead of 60 (--quick: 10)
  --json FILE  also writes the rows to FILE
  --check      exit code 1 if a bound is missed

Benchmarks: ${known.join(", ")}
`;
}
