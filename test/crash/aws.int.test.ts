import { whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAwsTarget } from "./aws/target.ts";
import { total } from "./counts.ts";
import { planOf } from "./faults.ts";
import { runRound, type Round } from "./round.ts";
import type { Target } from "./target.ts";

const missing = whyNoDynamo();

/**
 * One in which processes are killed, one in which they sleep and die, and one with everything at once. Three, because a
 * round takes ten seconds, most of which is starting processes, and what it looks at is looked at by the rounds on SQLite
 * and by the simulation, too. `npm run crash -- --target aws` has others.
 */
const seeds = [1, 3, 6];

describe.skipIf(missing !== undefined)(
  missing
    ? `AWS (skipped: ${missing})`
    : "functions on AWS that are killed, stopped, throttled and badly connected keep every promise",
  () => {
    const done: Round[] = [];
    let target: Target | undefined;

    beforeAll(() => {
      target = createAwsTarget();
    }, 120_000);
    afterAll(() => target?.close());

    test.each(seeds.map((seed) => [seed, planOf(seed, 1_000).kind] as const))(
      "seed %i: %s",
      { timeout: 240_000 },
      async (seed) => {
        if (target === undefined) throw new Error("There are no functions.");
        const round = await runRound(target, seed);
        done.push(round);
        expect(round.violations, `again: npm run crash -- --target aws --rounds 1 --seed ${seed}`).toEqual([]);
        expect(round.counts.commands).toBeGreaterThan(3);
        expect(round.counts.deliveries).toBeGreaterThan(3);
        expect(round.counts.kills).toBeGreaterThan(0);
      },
    );

    test("workflows were among what was broken, and some were completed", () => {
      const { errands, completed } = total(done.map(({ counts }) => counts));
      expect([done.length, errands > 0, completed > 0]).toEqual([seeds.length, true, true]);
    });
  },
);
