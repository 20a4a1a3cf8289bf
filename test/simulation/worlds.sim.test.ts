import { simulate, type WorldReport } from "holdfast/simulation";
import { expect, test } from "vitest";
import { shopWorld, smallShop } from "../../examples/shop/simulation.ts";
import { randomWorld } from "./random-app.ts";
import { createSqliteTarget } from "./sqlite-target.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 500 : 40;
const onSqlite = process.env["HOLDFAST_VERIFY"] ? 100 : 3;
const timeout = 1_200_000;
/** Signals and the test runner get their turn. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Counts what has happened, by name: `crash`, `crash at erase`. */
function createCounts() {
  const counts: Record<string, number> = {};
  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);
  const onWorld = ({ faults }: WorldReport): Promise<void> => {
    for (const { id, kind } of faults) {
      count(kind);
      count(`${kind} at ${/^i\d+\.(.*)#/.exec(id)?.[1]}`);
    }
    return turn();
  };
  return { counts, count, onWorld };
}

test(`${seeds} shops in which everything goes wrong keep every promise, and each is the same world twice`, {
  timeout,
}, async () => {
  const { counts, onWorld } = createCounts();
  const report = await simulate(smallShop, { ...shopWorld, seeds, twice: true, onWorld });
  // All of it did happen.
  for (const name of [
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
    "erase",
    "outage",
    "deploy",
    "rollback",
    "operate",
    "crash at append",
    "crash at saveSnapshot",
    "lost at keys",
    "lost at gateway.charge",
  ]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
  const { requests, entries, handled, answers } = report;
  expect(requests).toBeGreaterThan(200 * seeds);
  expect(entries).toBeGreaterThan(50 * seeds);
  expect(handled).toBeGreaterThan(20 * seeds);
  expect(answers["ok"]).toBeGreaterThan(20 * seeds);
});

test(`${onSqlite} worlds of each kind keep every promise on SQLite, each instance with a connection of its own`, {
  timeout,
}, async () => {
  const target = createSqliteTarget;
  await simulate(smallShop, { ...shopWorld, target, seeds: onSqlite, onWorld: turn });
  for (let seed = 1; seed <= onSqlite; seed++) {
    const { app, options } = randomWorld(seed);
    await simulate(app, { ...options, target, seeds: 1, from: seed, onWorld: turn });
  }
});

test(`${seeds} apps whose shape is chance, during a roll-out too: the same`, { timeout }, async () => {
  const { counts, count, onWorld } = createCounts();
  for (let seed = 1; seed <= seeds; seed++) {
    const { app, options } = randomWorld(seed, count);
    await simulate(app, { ...options, seeds: 1, from: seed, twice: true, onWorld });
  }
  expect(counts["deploy"]).toBeGreaterThan(seeds / 5);
  for (const name of [
    "erase",
    "outage",
    "rollback",
    "operate",
    "crash at append",
    "crash at erase",
    "throttle at erase",
    "lost at erase",
    "crash at keys",
    "crash at saveSnapshot",
    "crash at send",
    "lost at addReplay",
    "sent and scheduled, then rejected",
    "forbidden",
    "another tenant",
    "history read",
    "an event upcast",
    "another evolve",
    "another filter",
  ]) {
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  }
});
