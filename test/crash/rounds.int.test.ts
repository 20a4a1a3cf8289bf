import { afterAll, describe, expect, test } from "vitest";
import { total } from "./counts.ts";
import { kinds, missing, planOf } from "./faults.ts";
import { createLocalTarget } from "./local/target.ts";
import { runRound, type Round } from "./round.ts";

const rounds = process.env["HOLDFAST_VERIFY"] ? 24 : 10;

/** The same ones each time: seeds take turns with the kinds. `npm run crash` has others. */
const seeds = Array.from({ length: rounds }, (_, i) => i + 1);

describe("real processes that are killed, stopped, without room and badly connected keep every promise", () => {
  const target = createLocalTarget();
  const done: Round[] = [];

  afterAll(target.close);

  test.each(seeds.map((seed) => [seed, planOf(seed, target.leaseMs).kind] as const))(
    "seed %i: %s",
    { timeout: 90_000 },
    async (seed, kind) => {
      expect(missing(kind, target.lacks)).toBeUndefined();
      const round = await runRound(target, seed);
      done.push(round);
      expect(round.violations, `again: npm run crash -- --rounds 1 --seed ${seed}`).toEqual([]);
      expect(round.counts.commands).toBeGreaterThan(10);
      expect(round.counts.deliveries).toBeGreaterThan(10);
    },
  );

  test("there was something of each kind to be seen", () => {
    expect(done.length).toBe(rounds);
    expect(new Set(done.map(({ kind }) => kind))).toEqual(new Set(kinds));
    const counts = total(done.map(({ counts }) => counts));
    for (const [name, count] of Object.entries(counts)) expect([name, count > 0]).toEqual([name, true]);
    console.log(Object.entries(counts).flat().join(" "));
  });
});
