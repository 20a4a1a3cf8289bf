import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createTestApp } from "holdfast/testing";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { counter, h, newServices, total, totals } from "../core/delivery/fixtures.ts";

test("events, sends and timers arrive through a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-delivery-"));
  const journal = createSqliteJournal({ file: join(folder, "holdfast.db"), system: createSystem() });
  const services = newServices();
  const run = createTestApp(h.app({ entities: [counter, total], subscriptions: [totals] }), { services, journal });
  onTestFinished(async () => {
    await run.close();
    await journal.close();
    rmSync(folder, { recursive: true });
  });
  for (let i = 0; i < 300; i++) await run.call(counter, `c${i % 7}`).add({ n: 1 });
  await run.call(counter, "a").addAndTell({ n: 1, to: "all" });
  await run.call(counter, "a").addLater({ n: 5, ms: 1_000 });
  await run.delivered();
  await run.clock.advance(2_000);
  await run.delivered();
  expect(services.seen.length).toBe(302);
  const principal = { kind: "system", id: "system", tenant: "default", claims: {} } as const;
  expect(await run.view({ entity: "total", id: "all", principal })).toMatchObject({ view: { sum: 307, count: 303 } });
});
