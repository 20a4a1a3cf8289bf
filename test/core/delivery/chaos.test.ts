import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import { app, check, distant, runWorld } from "./chaos-world.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 1_500 : 150;

async function run(seed: number): Promise<void> {
  const store = createMemoryJournal();
  const world = await runWorld(seed, ({ world: services, standing, ...options }) =>
    createTestApp(app, { ...options, services, journal: distant(store, services, standing) }),
  );
  await check(store, world);
  for (const consumer of ["subscription:effects", "sends", "timers"]) {
    const { messages, nextAt, parkedAt } = await store.due(consumer, { now: Infinity, limit: 10 });
    expect([messages, nextAt, parkedAt], `${consumer} has nothing left`).toEqual([[], undefined, undefined]);
  }
}

test(`${seeds} worlds in which everything fails: all arrives, in order, with its effect once`, {
  timeout: 300_000,
}, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
