import { createBrokerTarget, createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import app from "../../examples/platform/app.ts";
import { platformWorld } from "../../examples/platform/simulation.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 100 : 8;
const timeout = 1_200_000;

test.each([
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
])(
  "on %s accounts are provisioned or nothing is left of them, and clusters run, or roll back",
  { timeout },
  async (_on, target) => {
    const report = await simulate(app, { ...platformWorld, ...(target && { target }), seeds });
    expect(report.handled).toBeGreaterThan(40 * seeds);
    // Steps achieve something: the promises are put to the test.
    expect(report.answers["ok"]).toBeGreaterThan(10 * seeds);
  },
);
