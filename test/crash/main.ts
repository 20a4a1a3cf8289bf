import { parseArgs } from "node:util";
import { createAwsTarget } from "./aws/target.ts";
import { createAzureTarget } from "./azure/target.ts";
import { total } from "./counts.ts";
import { kinds, missing, planOf } from "./faults.ts";
import { createLocalTarget } from "./local/target.ts";
import { runRound, type Round } from "./round.ts";
import type { Target } from "./target.ts";

/** What there is to run against: parts that add one name it here. */
const targets: { readonly [name: string]: () => Target } = {
  local: createLocalTarget,
  aws: createAwsTarget,
  azure: createAzureTarget,
};

const usage = `npm run crash -- [--rounds N] [--seed N] [--target NAME]

Breaks real processes and checks every promise afterwards (test/crash).

  --rounds N     how many, each on a store of its own; default 12
  --seed N       of the first round, the following count on; default: another one each time
  --target NAME  ${Object.keys(targets).join(", ")}; default local

Kinds of rounds, in turn: ${kinds.join(", ")}. Ends with 1 if a promise was broken.
`;

/** More than so many are not of interest. */
const failedMax = 5;

interface Arguments {
  readonly rounds: number;
  readonly seed: number;
  readonly target: string;
}

async function run({ rounds, seed, target: name }: Arguments): Promise<number> {
  const target = targets[name]?.();
  if (target === undefined) throw new Error(`There is no target "${name}".`);
  const begun = performance.now();
  const done: Round[] = [];
  let failed = 0;
  try {
    for (let i = 0; i < rounds && failed < failedMax; i++) {
      const { kind } = planOf(seed + i, target.leaseMs);
      const lacks = missing(kind, target.lacks);
      if (lacks !== undefined) {
        process.stdout.write(`${i + 1}/${rounds} seed ${seed + i} ${kind}: left out, ${lacks}\n`);
        continue;
      }
      const from = performance.now();
      const round = await runRound(target, seed + i);
      done.push(round);
      const { commands, deliveries } = round.counts;
      const seconds = ((performance.now() - from) / 1_000).toFixed(1);
      const verdict = round.violations.length === 0 ? "ok" : "BROKEN";
      process.stdout.write(
        `${i + 1}/${rounds} seed ${seed + i} ${kind}: ${verdict}, ${commands} commands, ${deliveries} deliveries, ${seconds} s\n`,
      );
      if (round.violations.length === 0) continue;
      failed++;
      for (const violation of round.violations.slice(0, 20)) process.stdout.write(`  ${violation}\n`);
      process.stdout.write(`  again: npm run crash -- --rounds 1 --seed ${seed + i} --target ${name}\n`);
    }
  } finally {
    await target.close();
  }
  const seconds = Math.round((performance.now() - begun) / 1_000);
  const counts =
    done.length === 0
      ? []
      : Object.entries(total(done.map(({ counts }) => counts))).map(([what, count]) => `${what} ${count}`);
  process.stdout.write(
    `\n${[`rounds ${done.length}`, `broken ${failed}`, ...counts, `seconds ${seconds}`].join("\n")}\n`,
  );
  return failed === 0 && done.length > 0 ? 0 : 1;
}

/** @throws Error for what is not understood */
function parse(args: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "12" },
      seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1_000_000)) },
      target: { type: "string", default: "local" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const [rounds, seed] = (["rounds", "seed"] as const).map((name) => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw new Error(`--${name} is "${values[name]}"; it must be a whole number from 1.`);
  });
  if (!(values.target in targets)) throw new Error(`There is no target "${values.target}".`);
  return { rounds: rounds ?? 1, seed: seed ?? 1, target: values.target };
}

let given: Arguments | undefined;
try {
  given = parse(process.argv.slice(2));
  if (given === undefined) process.stdout.write(usage);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
if (given) process.exitCode = await run(given);
