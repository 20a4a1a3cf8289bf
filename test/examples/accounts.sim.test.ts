import { createBrokerTarget, createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import app from "../../examples/accounts/app.ts";
import { accountsWorld } from "../../examples/accounts/simulation.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 200 : 10;
const timeout = 1_200_000;

test.each([
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
])("accounts on %s keep what they promise, whatever fails between the services", { timeout }, async (_on, target) => {
  const report = await simulate(app, { ...accountsWorld, ...(target && { target }), seeds });
  expect(report.handled).toBeGreaterThan(5 * seeds);
});
