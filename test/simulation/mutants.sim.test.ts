import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { brokerMutants } from "./broker-mutants.ts";
import { mutants, type Mutant } from "./mutants.ts";
import { outboxMutants } from "./outbox-mutants.ts";

const run = promisify(execFile);
const child = fileURLToPath(new URL("mutant-child.ts", import.meta.url));

/** In the suite those that show themselves soon; all with `HOLDFAST_VERIFY=1`. */
const isTried = ({ seeds }: Mutant): boolean => seeds <= 40 || process.env["HOLDFAST_VERIFY"] !== undefined;

describe.each([
  ["the code", mutants],
  ["the way through a broker", brokerMutants],
  ["the way to a broker of what no stream tells", outboxMutants],
] as const)("%s, broken: the simulator notices", (_what, all) => {
  test.each(all.filter(isTried))("$name", { timeout: 300_000 }, async ({ name, seeds, caughtBy }) => {
    const { stdout } = await run(process.execPath, ["--conditions=holdfast-source", child, name], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    const { seed, found } = JSON.parse(stdout) as { readonly seed: number; readonly found: readonly string[] };
    expect(
      found.some((checker) => caughtBy.includes(checker)),
      `found ${found.join(", ") || "nothing"}`,
    ).toBe(true);
    expect(seed).toBeLessThanOrEqual(seeds);
  });
});

test("there are at least 50 of the code, 12 of the broker's way and 8 of the outbox's, and most are tried", () => {
  const all = [...mutants, ...brokerMutants, ...outboxMutants];
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(mutants.length).toBeGreaterThanOrEqual(50);
  expect(brokerMutants.length).toBeGreaterThanOrEqual(12);
  expect(outboxMutants.length).toBeGreaterThanOrEqual(8);
  expect(all.filter(isTried).length).toBeGreaterThan(all.length / 2);
});
