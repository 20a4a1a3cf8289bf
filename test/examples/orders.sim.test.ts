import { createBrokerTarget, createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import app from "../../examples/orders/app.ts";
import { ordersWorld } from "../../examples/orders/simulation.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 200 : 10;
const timeout = 1_200_000;

test.each([
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
])("kill between any two steps: orders on %s are delivered, effect once", { timeout }, async (_on, target) => {
  const report = await simulate(app, { ...ordersWorld, ...(target && { target }), seeds });
  expect(report.handled).toBeGreaterThan(20 * seeds);
});
