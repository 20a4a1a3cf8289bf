import { createBrokerTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import { shopWorld, smallShop } from "../../examples/shop/simulation.ts";
import { randomWorld } from "./random-app.ts";
import { createCounts } from "./counts.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 500 : 25;
const timeout = 1_200_000;
const target = createBrokerTarget;

test(`${seeds} shops over a broker keep every promise, and each is the same world twice`, { timeout }, async () => {
  const { counts, onWorld } = createCounts();
  const report = await simulate(smallShop, { ...shopWorld, target, seeds, twice: true, onWorld });
  for (const name of ["lost at publish", "late at publish", "throttle at publish/entry", "cut at stream1"]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
  expect(report.requests).toBeGreaterThan(200 * seeds);
  expect(report.entries).toBeGreaterThan(50 * seeds);
  expect(report.handled).toBeGreaterThan(20 * seeds);
});

test(`${seeds} apps whose shape is chance, over a broker: the same`, { timeout }, async () => {
  const { counts, onWorld } = createCounts();
  for (let seed = 1; seed <= seeds; seed++) {
    const { app, options } = randomWorld(seed);
    await simulate(app, { ...options, target, seeds: 1, from: seed, twice: true, onWorld });
  }
  for (const name of [
    "crash at publish",
    "freeze at publish",
    "lost at publish/entry",
    "lost at sendMessages",
    "throttle at sendMessages/entry",
    "lost at failures",
    "lost at saveFailures",
    "throttle at bury",
    "lost at changeVisibility",
    "throttle at place",
    "cut at stream2",
    "duplicate at stream3",
    "cut at sends",
    "duplicate at timers",
    "cut at subscription:listener1",
    "duplicate at subscription:listener1",
    "duplicate at schedules",
  ]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
});
