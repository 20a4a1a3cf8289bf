import fc from "fast-check";
import { expect, test } from "vitest";
import { createServiceBusBus, subscriptionRules } from "holdfast/azure/service-bus";
import { createSystem } from "../../../src/core/runtime/system.ts";
import { publicationsOf, wanted, world } from "../../testing/filter-worlds.ts";
import { deploy } from "./fixtures.ts";

test("Service Bus lets through what the matcher lets through, and more only where the rules say so", async () => {
  let exactOnes = 0;
  let matched = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ app, events }) => {
      const { bus, drain, close } = await deploy(app);
      try {
        const results = await bus.publish(publicationsOf(app, events));
        expect(results.filter((error) => error !== undefined)).toEqual([]);
        for (const [name, { exact, rules }] of subscriptionRules(app)) {
          for (const rule of rules) expect(rule.length).toBeLessThanOrEqual(1_024);
          const delivered = (await drain(`subscription:${name}`))
            .map(({ body }) => Number(body))
            .toSorted((a, b) => a - b);
          const expected = wanted(app, name, events);
          if (exact) expect(delivered).toEqual(expected);
          else expect(delivered).toEqual(expect.arrayContaining([...expected]));
          exactOnes += exact ? 1 : 0;
          matched += expected.length;
        }
      } finally {
        await close();
      }
    }),
    { numRuns: 40, seed: 5 },
  );
  expect(exactOnes).toBeGreaterThan(40);
  expect(matched).toBeGreaterThan(300);
}, 120_000);

test("while code and rules are of two versions of an app, no subscription misses an event that it wants", async () => {
  let more = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ app: publisher, other: deployed, events }) => {
      const { client, drain, close } = await deploy(deployed);
      try {
        const bus = createServiceBusBus({ client, app: publisher, system: createSystem() });
        await bus.publish(publicationsOf(publisher, events));
        for (const name of deployed.subscriptions.keys()) {
          const delivered = (await drain(`subscription:${name}`)).map(({ body }) => Number(body));
          const expected = wanted(deployed, name, events);
          expect(delivered).toEqual(expect.arrayContaining([...expected]));
          more += delivered.length - expected.length;
        }
      } finally {
        await close();
      }
    }),
    { numRuns: 20, seed: 6 },
  );
  expect(more).toBeGreaterThan(0);
}, 120_000);
