import { createBrokerTarget, createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import app from "../../examples/orders/app.ts";
import { ordersWorld } from "../../examples/orders/simulation.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 200 : 10;
const timeout = 1_200_000;

// Where an instance has died: at an append, before it or after it, and at publishing, before it or between that and its mark.
test.each([
  ["a store with messages of its own", undefined, /\.append#/],
  ["a broker", createBrokerTarget, /\.append#/],
  ["a store that tells nobody", createOutboxTarget, /\.publish#/],
])(
  "kill between commit and publish, and between publish and mark: delivered, effect once (orders on %s)",
  { timeout },
  async (_on, target, where) => {
    let killed = 0;
    const report = await simulate(app, {
      ...ordersWorld,
      ...(target && { target }),
      seeds,
      onWorld: ({ faults }) => {
        killed += faults.filter(({ id, kind }) => kind === "crash" && where.test(id)).length;
      },
    });
    expect(report.handled).toBeGreaterThan(20 * seeds);
    expect(killed).toBeGreaterThan(2);
  },
);
