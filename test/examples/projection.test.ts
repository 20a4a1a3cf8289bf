import { holdfast, on, type App } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const source = h
  .entity("source", {
    initial: () => 0,
    events: { happened: z.object({}) },
    evolve: { happened: (count: number) => count + 1 },
  })
  .command("happen", { decide: (_count, _input, { events }) => events.happened({}) });
const model = h
  .entity("model", {
    initial: () => 0,
    events: { counted: z.object({}) },
    evolve: { counted: (count: number) => count + 1 },
    snapshotEvery: 8,
  })
  .command("count", { decide: (_count, _input, { events }) => events.counted({}) });

/** A read model in one entity; `own`: the event is the key of its call. */
function reader(own: boolean): App {
  const reading = h.subscription("reading", {
    to: [on(source.events.happened)],
    from: "beginning",
    handle: async ({ id }, { call }) => void (await call(model, "all", own ? { key: id } : {}).count()),
  });
  return h.app({ entities: [source, model], subscriptions: [reading] });
}

/** Old events, more of them than the read model remembers keys; and what has become of them. */
async function readBehind(own: boolean) {
  const journal = createMemoryJournal();
  const limits = { keys: { foreignMs: 86_400_000, derivedMs: 15 * 86_400_000, keysMax: 64 } };
  const before = createTestApp(h.app({ entities: [source] }), { journal, limits });
  for (let i = 0; i < 400; i++) await before.call(source, `s${i % 20}`).happen();
  const after = createTestApp(reader(own), { journal, limits, now: before.clock.now() + 3_600_000 });
  await after.delivered();
  const dead = await journal.dead({ limit: 1_000 });
  const { version } = await after.view({
    entity: "model",
    id: "all",
    principal: { kind: "system", id: "test", tenant: "default", claims: {} },
  });
  return { version, reasons: [...new Set(dead.map(({ reason }) => reason.code))], dead: dead.length };
}

test("a read model that names the event as its key has each old event once, however many there are", async () => {
  expect(await readBehind(true)).toEqual({ version: 400, reasons: [], dead: 0 });
});

test("with keys of their own making, calls to one entity are refused behind more old events than it remembers keys", async () => {
  const { version, dead, reasons } = await readBehind(false);
  expect(dead).toBeGreaterThan(0);
  expect(version).toBeLessThan(400);
  expect(reasons).toEqual(["idempotency-key-expired"]);
});
