import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRuntime, createSystem, silentLogger, systemPrincipal, type App, type Runtime } from "holdfast";
import { createSqliteJournal, serve, type LocalHost } from "holdfast/local";
import { afterAll, expect, test } from "vitest";
import orders from "../../examples/orders/app.ts";
import type { World } from "../../examples/orders/holdfast.ts";
import { order } from "../../examples/orders/order.ts";
import { createWorld, fates } from "../../examples/orders/world.ts";
import { app, dayOf, shardOf, shards, tally } from "./projection.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-projection-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 37 events for each six orders, one of each fate. */
const rounds = 271;
const ids = Array.from({ length: rounds }, (_, i) => fates.map((fate) => `${fate}-${i}`)).flat();
const total = rounds * 37;

/** A process is killed when it has heard of so many. */
const heardMax = 3_000;

type Counts = { [key: string]: number };

async function open(what: App<unknown, World>, services: World): Promise<LocalHost> {
  return serve(what, { port: 0, data: folder, services, signals: false, logger: silentLogger });
}

/** What a plain fold over the stored events says: how many orders came to which state, by day and shard. */
async function folded(runtime: Runtime): Promise<Counts> {
  const counts: Counts = {};
  for (const id of ids) {
    const { events } = await runtime.history({
      entity: "order",
      id,
      principal: systemPrincipal,
      after: 0,
      limit: 100,
    });
    for (const { time, data } of events) {
      const { toState } = data as { readonly toState: string };
      const key = `${dayOf(time)}.${shardOf(id)} ${toState}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
  }
  return counts;
}

/** What the read model says. */
async function read(runtime: Runtime, days: readonly string[]): Promise<Counts> {
  const counts: Counts = {};
  for (const day of days) {
    for (let shard = 0; shard < shards; shard++) {
      const { view } = await runtime.view({
        entity: tally.name,
        id: `${day}.${shard}`,
        principal: systemPrincipal,
      });
      const { came } = view as unknown as { readonly came: Counts };
      for (const [state, count] of Object.entries(came)) counts[`${day}.${shard} ${state}`] = count;
    }
  }
  return counts;
}

const sumOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

async function until(what: () => Promise<number>, wanted: number): Promise<void> {
  for (let looks = 0; looks < 300 && (await what()) < wanted; looks++) await sleep(250);
}

/** Catches up in a process of its own, which is killed when it has heard of so many events. */
async function killed(events: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      "--conditions=holdfast-source",
      fileURLToPath(new URL("projection-child.ts", import.meta.url)),
      folder,
      String(events),
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, NODE_OPTIONS: "" } },
  );
  const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  expect(String(said)).toMatch(/^\d+\n/);
  const over = once(child, "exit");
  child.kill("SIGKILL");
  expect(await over).toEqual([null, "SIGKILL"]);
}

test("a new projection over 10,000 events with no change to the write code", { timeout: 240_000 }, async () => {
  // The app as it is.
  const before = await open(orders, createWorld());
  for (let from = 0; from < ids.length; from += 64) {
    const some = ids.slice(from, from + 64);
    await Promise.all(some.map((id) => before.runtime.call(order, id).accepted({ customer: "Ada", total: 120 })));
  }
  await until(async () => sumOf(await folded(before.runtime)), total);
  const expected = await folded(before.runtime);
  expect(sumOf(expected)).toBe(total);
  expect(total).toBeGreaterThan(10_000);
  await before.close();

  // With one more subscription, and one more entity: killed twice while it catches up.
  await killed(heardMax);
  await killed(heardMax);
  const world = createWorld();
  const after = await open(app, world);
  const days = [...new Set(Object.keys(expected).map((key) => key.slice(0, 10)))];
  const early = sumOf(await read(after.runtime, days));
  // The second one was told again of most of it: what is done behind what is not done is not noted.
  expect(early).toBeGreaterThanOrEqual(heardMax);
  expect(early).toBeLessThan(total);
  await until(async () => sumOf(await read(after.runtime, days)), total);
  await after.close();

  // Each event is counted once, and no department has done anything again.
  const journal = createSqliteJournal({ file: join(folder, "holdfast.db"), system: createSystem() });
  const runtime = createRuntime(app, { journal });
  expect(await read(runtime, days)).toEqual(expected);
  expect(await folded(runtime)).toEqual(expected);
  expect(world.deeds).toEqual([]);
  await runtime.close();
  journal.close();
});
