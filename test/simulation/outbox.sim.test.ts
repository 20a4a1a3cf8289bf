import { createOutboxTarget, simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import { shopWorld, smallShop } from "../../examples/shop/simulation.ts";
import { randomWorld } from "./random-app.ts";
import { createCounts } from "./counts.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 400 : 20;
const timeout = 1_200_000;
const target = createOutboxTarget;

test(`${seeds} shops on a store that tells nobody keep every promise, and each is the same world twice`, {
  timeout,
}, async () => {
  const { counts, onWorld } = createCounts();
  const report = await simulate(smallShop, { ...shopWorld, target, seeds, twice: true, onWorld });
  for (const name of ["throttle at publish/entry", "lost at sendMessages", "crash at append", "lost at unpublished"]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
  expect(report.entries).toBeGreaterThan(50 * seeds);
  expect(report.handled).toBeGreaterThan(20 * seeds);
});

test(`${seeds} apps whose shape is chance, on a store that tells nobody: the same`, { timeout }, async () => {
  const { counts, onWorld } = createCounts();
  for (let seed = 1; seed <= seeds; seed++) {
    const { app, options } = randomWorld(seed);
    await simulate(app, { ...options, target, seeds: 1, from: seed, twice: true, onWorld });
  }
  for (const name of [
    "crash at publish",
    "lost at publish",
    "throttle at sendMessages/entry",
    "lost at append",
    "late at append",
    "cut at wakeups",
    "duplicate at wakeups",
  ]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
});
