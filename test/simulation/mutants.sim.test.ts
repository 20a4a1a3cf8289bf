import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { mutants } from "./mutants.ts";

const run = promisify(execFile);
const child = fileURLToPath(new URL("mutant-child.ts", import.meta.url));

/** In the suite those that show themselves soon; all with `HOLDFAST_VERIFY=1`. */
const tried = mutants.filter(({ seeds }) => seeds <= 40 || process.env["HOLDFAST_VERIFY"]);

describe(`of ${mutants.length} ways to break the code, ${tried.length} are tried; the simulator notices`, () => {
  test.each(tried)("$name", { timeout: 300_000 }, async ({ name, seeds, caughtBy }) => {
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

test("there are at least 50 of them, with names of their own", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(50);
});
