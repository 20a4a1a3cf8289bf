import { parseArgs } from "node:util";

export interface Arguments {
  /** What to run; empty: everything. */
  readonly names: readonly string[];
  /** Where the rows go as JSON. */
  readonly json: string | undefined;
  readonly quick: boolean;
  /** Exit code 1 if a bound is missed. */
  readonly check: boolean;
  readonly help: boolean;
}

/** What was wrong with the command line, for the terminal. */
export class UsageError extends Error {}

/** @throws UsageError for an unknown option or benchmark */
export function parseArguments(args: readonly string[], known: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  for (const name of positionals) {
    if (!known.includes(name)) throw new UsageError(`Unknown benchmark "${name}". Known: ${known.join(", ")}.`);
  }
  const { json, quick = false, check = false, help = false } = values;
  if (json === "") throw new UsageError("--json needs the name of a file.");
  return { names: positionals, json, quick, check, help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "string" },
        quick: { type: "boolean" },
        check: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

export function usage(known: readonly string[]): string {
  return `npm run bench [-- names...] [--quick] [--json FILE] [--check]

Measures Holdfast against hand-written node:sqlite on the same disk (bench/README.md).

  --quick      less work, 3 rounds instead of 5: under a minute
  --json FILE  also writes the rows to FILE
  --check      exit code 1 if a bound is missed

Benchmarks: ${known.join(", ")}
`;
}
