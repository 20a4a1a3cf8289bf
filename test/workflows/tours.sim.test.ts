import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createBrokerTarget, createOutboxTarget, simulate, type WorldReport } from "holdfast/simulation";
import { describe, expect, test } from "vitest";
import { mutants } from "./tours-mutants.ts";
import { toursApp, toursWorld, type Ends } from "./tours.ts";

const isWhole = process.env["HOLDFAST_VERIFY"] !== undefined;
const timeout = 1_800_000;

const targets = [
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
] as const;

/** Tours of one world: of each of its clients one after the other. */
const [clients, steps] = [51, 5];

/** How often an instance has died at a call of that name: while tours are under way, since only then anything fails. */
function deaths({ faults }: WorldReport, at: RegExp): number {
  return faults.filter(({ id, kind }) => kind === "crash" && at.test(id)).length;
}

// Ten times as many with `HOLDFAST_VERIFY=1`, over all targets.
test.each(isWhole ? targets : targets.slice(0, 1))(
  "1,000 simulated workflows with compensation under 20% faults: each ends completed or fully compensated, and outside each effect is there once (on %s)",
  { timeout },
  async (_on, target) => {
    const seeds = isWhole ? 14 : 4;
    const totals = { completed: 0, compensated: 0, undone: 0, inSteps: 0, atAppends: 0 };
    let last: Ends | undefined;
    await simulate(toursApp, {
      ...toursWorld((ends) => (last = ends)),
      ...(target && { target }),
      clients,
      steps,
      seeds,
      // Of worlds as large as these each takes seconds.
      shrinkMax: 5,
      onWorld(report) {
        totals.completed += last?.completed ?? 0;
        totals.compensated += last?.compensated ?? 0;
        totals.undone += last?.undone ?? 0;
        totals.inSteps += deaths(report, /\.agency\./);
        totals.atAppends += deaths(report, /\.append#/);
        last = undefined;
      },
    });
    // A customer whose network is bad for all of its patience has never started one.
    expect(totals.completed + totals.compensated).toBeGreaterThanOrEqual(seeds * 250);
    expect(totals.completed).toBeGreaterThan(seeds * 60);
    expect(totals.undone).toBeGreaterThan(seeds * 60);
    // Instances have died in the middle of what they did outside, and between that and its being stored.
    expect(totals.inSteps).toBeGreaterThan(seeds);
    expect(totals.atAppends).toBeGreaterThan(seeds);
  },
);

describe("broken workflows: the world of the tours notices", () => {
  const run = promisify(execFile);
  const child = fileURLToPath(new URL("tours-child.ts", import.meta.url));
  const tried = mutants.filter(({ seeds }) => seeds === 1 || isWhole);

  test.each(tried)("$name", { timeout }, async ({ name, seeds, says }) => {
    const { stdout } = await run(process.execPath, ["--conditions=holdfast-source", child, name], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    const { seed, found } = JSON.parse(stdout) as { readonly seed: number; readonly found: string };
    expect(found).toMatch(says);
    expect(seed).toBeLessThanOrEqual(seeds);
  });

  test("there are at least ten, and the code as it is passes where they fail", async () => {
    expect(mutants.length).toBeGreaterThanOrEqual(10);
    expect(tried.length).toBeGreaterThanOrEqual(8);
    const { stdout } = await run(process.execPath, ["--conditions=holdfast-source", child, "none"], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    expect(JSON.parse(stdout)).toEqual({ seed: 1, found: "" });
  }, 120_000);
});
