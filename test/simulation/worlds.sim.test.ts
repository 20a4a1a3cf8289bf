import { simulate } from "holdfast/simulation";
import { expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { shopWorld } from "../../examples/shop/simulation.ts";
import { randomWorld } from "./random-app.ts";
import { createSqliteTarget } from "./sqlite-target.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 500 : 40;
const onSqlite = process.env["HOLDFAST_VERIFY"] ? 100 : 3;
const timeout = 1_200_000;
/** Signals and the test runner get their turn. */
const onWorld = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test(`${seeds} shops in which everything goes wrong keep every promise, and each is the same world twice`, {
  timeout,
}, async () => {
  const { faults, requests, entries, handled } = await simulate(shop, { ...shopWorld, seeds, twice: true, onWorld });
  // All of it did happen.
  for (const kind of [
    "crash",
    "freeze",
    "throttle",
    "lost",
    "late",
    "sdkRetry",
    "slow",
    "cut",
    "duplicate",
    "stale",
    "poison",
    "fail",
  ] as const) {
    expect(faults[kind], kind).toBeGreaterThan(0);
  }
  expect(requests).toBeGreaterThan(200 * seeds);
  expect(entries).toBeGreaterThan(50 * seeds);
  expect(handled).toBeGreaterThan(20 * seeds);
});

test(`${onSqlite} worlds of each kind keep every promise on SQLite, each instance with a connection of its own`, {
  timeout,
}, async () => {
  const target = createSqliteTarget;
  await simulate(shop, { ...shopWorld, target, seeds: onSqlite, onWorld });
  for (let seed = 1; seed <= onSqlite; seed++) {
    const { app, options } = randomWorld(seed);
    await simulate(app, { ...options, target, seeds: 1, from: seed, onWorld });
  }
});

test(`${seeds} apps whose shape is chance, during a roll-out too: the same`, { timeout }, async () => {
  let deploys = 0;
  let erasures = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { app, options } = randomWorld(seed);
    const { faults } = await simulate(app, { ...options, seeds: 1, from: seed, twice: true, onWorld });
    deploys += faults.deploy ?? 0;
    erasures += faults.erase ?? 0;
  }
  expect(deploys).toBeGreaterThan(seeds / 5);
  expect(erasures).toBeGreaterThan(0);
});
