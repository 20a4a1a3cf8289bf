import { on } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { counter, h, newServices, total } from "./fixtures.ts";

test("three thousand messages that wait are all handled, whatever is in memory at once", async () => {
  const handled = new Set<number>();
  const app = h.app({
    entities: [total],
    workers: [h.worker("many", { queue: "many", input: z.number(), handle: (n) => void handled.add(n) })],
  });
  const run = createTestApp(app, { services: newServices() });
  const waiting = Array.from({ length: 3_000 }, (_, i) => ({
    name: `m${i}`,
    body: String(i),
    created: run.clock.now(),
  }));
  await run.journal.send("queue:many", waiting);
  await run.delivered();
  expect(handled.size).toBe(3_000);
  expect((await run.journal.due("queue:many", { now: run.clock.now(), limit: 1 })).messages).toEqual([]);
});

test("three thousand timers that are due together all fire", async () => {
  const app = h.app({ entities: [counter, total] });
  const run = createTestApp(app, { services: newServices() });
  for (let i = 0; i < 3_000; i++) await run.call(counter, `c${i}`).addLater({ n: 1, ms: 1_000 });
  await run.delivered();
  await run.clock.advance(1_000);
  await run.delivered();
  let fired = 0;
  for (const { record } of await run.journal.recordsAfter(3_000, 10_000)) fired += record.version;
  expect(fired).toBe(3_000);
});

test("five thousand events behind a handler that is slow are all handled, in order for each entity", async () => {
  const seen = new Map<string, number[]>();
  const app = h.app({
    entities: [counter],
    subscriptions: [
      h.subscription("slow", {
        to: [on(counter.events.added)],
        concurrency: 4,
        handle: async ({ subject, version }) => {
          await Promise.resolve();
          seen.set(subject, [...(seen.get(subject) ?? []), version]);
        },
      }),
    ],
  });
  const run = createTestApp(app, { services: newServices() });
  const calls = Array.from({ length: 500 }, (_, i) => run.call(counter, `c${i % 10}`));
  for (let round = 0; round < 10; round++) await Promise.all(calls.map((call) => call.add({ n: 1 })));
  await run.delivered();
  const inOrder = Array.from({ length: 500 }, (_, i) => i + 1);
  expect([...seen.values()]).toEqual(Array.from({ length: 10 }, () => inOrder));
});
