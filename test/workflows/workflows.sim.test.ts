import { createBrokerTarget, createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import { tripsApp, tripsWorld } from "./trips.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 200 : 8;
const timeout = 1_200_000;

test.each([
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
])("trips on %s end complete or undone, with each effect once", { timeout }, async (_on, target) => {
  const report = await simulate(tripsApp, { ...tripsWorld, ...(target && { target }), seeds });
  expect(report.handled).toBeGreaterThan(5 * seeds);
});
