import { formatKey, type Journal } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, createVirtualSystem } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { account, anonymous, app, counted } from "../fixtures.ts";

/** The operation budget of the design, counted at the port, for a journal with pages and one with an index. */
const journals: readonly (readonly [string, () => Journal])[] = [
  ["memory (pages)", () => createMemoryJournal()],
  ["SQLite (index)", () => createSqliteJournal({ file: ":memory:", system: createVirtualSystem() })],
];

describe.each(journals)("operation budget on %s", (_name, open) => {
  const nothing = { load: 0, append: 0, record: 0, history: 0, saveSnapshot: 0, keys: 0 };

  async function prepared(commands: number) {
    const { journal, calls, read } = counted(open());
    const warm = createTestApp(app, { journal });
    for (let i = 0; i < commands; i++) await warm.call(account, "a", { key: `k${i}` }).deposit({ amount: 1 });
    await warm.close();
    const restarted = () => createTestApp(app, { journal, seed: 2 });
    const measure = async (work: () => Promise<unknown>) => {
      Object.assign(calls, nothing);
      read.records = 0;
      await work();
      const { append, load, record, history, keys } = calls;
      return { writes: append, reads: load + record + history + keys, records: read.records };
    };
    return { restarted, measure };
  }

  test("an accepted command on a warm entity: 1 write, 0 reads", async () => {
    const { restarted, measure } = await prepared(1);
    const a = restarted();
    await a.call(account, "a").deposit({ amount: 1 });
    expect(await measure(() => a.call(account, "a").deposit({ amount: 1 }))).toMatchObject({ writes: 1, reads: 0 });
    const key = formatKey(a.clock.now() + 1, "fresh");
    const fresh = () => a.call(account, "a", { key }).deposit({ amount: 1 });
    expect(await measure(fresh)).toMatchObject({ writes: 1, reads: 0 });
  });

  test("a rejection, a command without effect and a view on a warm entity: 1 read", async () => {
    const { restarted, measure } = await prepared(1);
    const a = restarted();
    await a.call(account, "a").peek();
    for (const work of [
      () => a.call(account, "a").withdraw({ amount: 1_000 }),
      () => a.call(account, "a").peek(),
      () => a.view({ entity: "account", id: "a", principal: anonymous }),
    ]) {
      expect(await measure(work)).toEqual({ writes: 0, reads: 1, records: 0 });
    }
  });

  test("a cold entity: 1 read more, and at most snapshotEvery records", async () => {
    const { restarted, measure } = await prepared(57);
    const cold = restarted();
    const work = await measure(() => cold.call(account, "a").deposit({ amount: 1 }));
    expect(work).toMatchObject({ writes: 1, reads: 1 });
    expect(work.records).toBeLessThanOrEqual(10);
  });

  test("an opaque key on a cold entity: 1 read for the keys of the past", async () => {
    const { restarted, measure } = await prepared(57);
    const cold = restarted();
    const work = () => cold.call(account, "a", { key: "opaque" }).deposit({ amount: 1 });
    expect(await measure(work)).toMatchObject({ writes: 1, reads: 2 });
  });

  test("a replayed duplicate: 0 writes, 1 point read beyond the load", async () => {
    const { restarted, measure } = await prepared(57);
    const cold = restarted();
    const replay = (key: string) => () => cold.call(account, "a", { key }).deposit({ amount: 1 });
    // In the tail: the load, and the record. Behind the snapshot: the keys too.
    expect(await measure(replay("k56"))).toMatchObject({ writes: 0, reads: 2 });
    expect(await measure(replay("k56"))).toMatchObject({ writes: 0, reads: 1 });
    expect((await measure(replay("k3"))).reads).toBeLessThanOrEqual(2);
  });

  test("64 commands that wait for one entity: 1 write", async () => {
    const { restarted, measure } = await prepared(1);
    const a = restarted();
    const work = () => Promise.all(Array.from({ length: 64 }, () => a.call(account, "a").deposit({ amount: 1 })));
    expect(await measure(work)).toMatchObject({ writes: 1, reads: 1 });
  });
});
