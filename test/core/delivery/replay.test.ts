import { on } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import { counter, h, newServices, total } from "./fixtures.ts";

const day = 86_400_000;
const system = { kind: "system", id: "system", tenant: "default", claims: {} } as const;

const appWith = (handle: Parameters<typeof h.subscription>[1]["handle"]) =>
  h.app({
    entities: [counter, total],
    subscriptions: [h.subscription("s", { to: [on(counter.events.added)], from: "beginning", maxAttempts: 2, handle })],
  });

const sumOf = async (run: { view: ReturnType<typeof createTestApp>["view"] }): Promise<unknown> =>
  (await run.view({ entity: "total", id: "all", principal: system })).view;

const replayOf = (id: string, more: object = {}) => ({ id, subscription: "s", again: false, created: 1, ...more });

test("a replay runs the handler again, and what had its effect has none", async () => {
  const seen: string[] = [];
  const app = appWith(async (event, { call }) => {
    seen.push(event.subject);
    await call(total, "all").count({ n: 1 });
  });
  const run = createTestApp(app, { services: newServices() });
  for (const id of ["a", "b", "a"]) await run.call(counter, id).add({ n: 1 });
  await run.delivered();
  await run.journal.addReplay(replayOf("r1"));
  await run.call(counter, "c").add({ n: 1 });
  await run.delivered();
  expect(seen.toSorted()).toEqual(["a", "a", "a", "a", "b", "b", "c"]);
  expect(await sumOf(run)).toEqual({ sum: 4, count: 4 });
  expect(await run.journal.replays()).toMatchObject([
    { id: "r1", handled: 3, skipped: 0, finished: expect.any(Number) },
  ]);
  expect(await run.journal.replays("unfinished")).toEqual([]);
});

test("a replay reaches its own subscription only, since a time, of one entity type", async () => {
  const seen: string[] = [];
  const others: string[] = [];
  const app = h.app({
    entities: [counter, total],
    subscriptions: [
      h.subscription("s", {
        to: [on(counter.events.added), on(total.events.counted)],
        handle: ({ type, subject }) => void seen.push(`${type} ${subject}`),
      }),
      h.subscription("other", { to: [on(counter.events.added)], handle: ({ subject }) => void others.push(subject) }),
    ],
  });
  const run = createTestApp(app, { services: newServices() });
  await run.call(counter, "old").add({ n: 1 });
  await run.clock.advance(1_000);
  await run.call(counter, "new").add({ n: 1 });
  await run.call(total, "t").count({ n: 1 });
  await run.delivered();
  seen.length = 0;
  await run.journal.addReplay(replayOf("r1", { since: run.clock.now(), entity: "counter" }));
  await run.delivered();
  expect(seen).toEqual(["counter.added new"]);
  expect(others).toEqual(["old", "new"]);
});

test("what is older than the keys' window is reported, not run; `again` runs it with new keys", async () => {
  const app = appWith(async (_, { call }) => void (await call(total, "all").count({ n: 1 })));
  const run = createTestApp(app, { services: newServices() });
  await run.call(counter, "a").add({ n: 1 });
  await run.delivered();
  await run.clock.advance(16 * day);
  await run.call(counter, "a").add({ n: 1 });
  await run.delivered();
  await run.journal.addReplay(replayOf("r1"));
  await run.delivered();
  expect(await run.journal.replays()).toMatchObject([{ handled: 1, skipped: 1 }]);
  expect(await sumOf(run)).toEqual({ sum: 2, count: 2 });
  await run.journal.addReplay(replayOf("r2", { again: true, created: 2 }));
  await run.delivered();
  expect(await run.journal.replays()).toMatchObject([{}, { handled: 2, skipped: 0 }]);
  expect(await sumOf(run)).toEqual({ sum: 4, count: 4 });
});

test("what fails in a replay is parked, then a dead letter of the subscription; the replay ends all the same", async () => {
  let failing = false;
  const app = appWith(async ({ version }, { call }) => {
    if (failing && version === 1) throw new Error("no");
    await call(total, "all").count({ n: version });
  });
  const run = createTestApp(app, { services: newServices() });
  for (const n of [1, 2]) await run.call(counter, "a").add({ n });
  await run.delivered();
  failing = true;
  await run.journal.addReplay(replayOf("r1", { again: true }));
  await run.delivered();
  expect(await run.journal.replays("unfinished")).toHaveLength(1);
  await run.clock.advance(60_000);
  await run.delivered();
  expect(await run.journal.replays()).toMatchObject([{ handled: 1, finished: expect.any(Number) }]);
  const dead = await run.journal.dead({ limit: 9 });
  expect(dead).toMatchObject([{ consumer: "subscription:s", sequence: 1, again: "r1" }]);
  failing = false;
  await run.journal.redrive([dead[0]?.id ?? 0], run.clock.now());
  await run.delivered();
  // 1 and 2 at first, 2 in the replay, 1 when it was redriven, with the replay's keys.
  expect(await sumOf(run)).toEqual({ sum: 6, count: 4 });
});

test("a replay goes on after a restart, and waits for an app that has the subscription", async () => {
  const journal = createMemoryJournal();
  const seen: string[] = [];
  const app = appWith(({ subject }) => void seen.push(subject));
  const one = createTestApp(app, { journal, services: newServices() });
  await one.call(counter, "a").add({ n: 1 });
  await one.delivered();
  await one.close();
  const without = createTestApp(h.app({ entities: [counter, total] }), { journal, services: newServices(), seed: 2 });
  await journal.addReplay(replayOf("r1"));
  await without.delivered();
  expect(await journal.replays("unfinished")).toHaveLength(1);
  await without.close();
  const two = createTestApp(app, { journal, services: newServices(), seed: 3 });
  await two.delivered();
  expect(seen).toEqual(["a", "a"]);
  expect(await journal.replays("unfinished")).toEqual([]);
});
