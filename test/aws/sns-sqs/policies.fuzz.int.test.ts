import fc from "fast-check";
import { createSnsSqsBus, filterPolicies } from "holdfast/aws/sns-sqs";
import { expect, test } from "vitest";
import { publicationsOf, wanted, world } from "../../testing/filter-worlds.ts";
import { deploy, useAws } from "./fixtures.ts";

const aws = useAws();

test("SNS lets through what the matcher lets through, and more only where the policy says so", async () => {
  let exactOnes = 0;
  let matched = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ app: declared, events: some }) => {
      const { bus, drain, close } = await deploy(aws(), declared);
      const results = await bus.publish(publicationsOf(declared, some));
      expect(results.filter((error) => error !== undefined)).toEqual([]);
      for (const [name, { exact }] of filterPolicies(declared)) {
        const delivered = (await drain(`subscription:${name}`))
          .map(({ body }) => Number(body))
          .toSorted((a, b) => a - b);
        const expected = wanted(declared, name, some);
        if (exact) expect(delivered).toEqual(expected);
        else expect(delivered).toEqual(expect.arrayContaining([...expected]));
        exactOnes += exact ? 1 : 0;
        matched += expected.length;
      }
      close();
    }),
    { numRuns: 60, seed: 5 },
  );
  expect(exactOnes).toBeGreaterThan(60);
  expect(matched).toBeGreaterThan(500);
});

test("while code and policies are of two versions of an app, no subscription misses an event that it wants", async () => {
  let more = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ app: publisher, other: deployed, events: some }) => {
      const { options, drain, close } = await deploy(aws(), deployed);
      await createSnsSqsBus({ ...options, app: publisher }).publish(publicationsOf(publisher, some));
      for (const name of deployed.subscriptions.keys()) {
        const delivered = (await drain(`subscription:${name}`)).map(({ body }) => Number(body));
        const expected = wanted(deployed, name, some);
        expect(delivered).toEqual(expect.arrayContaining([...expected]));
        more += delivered.length - expected.length;
      }
      close();
    }),
    { numRuns: 30, seed: 6 },
  );
  expect(more).toBeGreaterThan(0);
});
