import {
  formatKey,
  holdfast,
  HoldfastError,
  systemPrincipal,
  type AppendResult,
  type CommandRequest,
  type Journal,
} from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, type TestApp } from "holdfast/testing";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { account, anonymous, app, counted, gate, intercepted, services, settle, stream } from "../fixtures.ts";

const start = (journal?: Journal, options: object = {}): TestApp =>
  createTestApp(app, { services, ...(journal && { journal }), ...options });

const withdraw = (amount: number, key?: string): CommandRequest => ({
  entity: "account",
  id: "a",
  command: "withdraw",
  input: { amount },
  principal: anonymous,
  ...(key && { key }),
});

const records = async (journal: Journal) => (await journal.load(stream)).records;
const entries = async (journal: Journal) =>
  (await journal.history(stream, { after: 0, limit: 1_000 })).flatMap((record) => JSON.parse(record.entries));

describe("rule 1: only an append may be decided from the cache", () => {
  test("a retry is not told `insufficient funds` from a stale cache", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 50 });
    await b.call(account, "a").deposit({ amount: 50 });
    const first = await b.execute(withdraw(80, "K"));
    const retry = await a.execute(withdraw(80, "K"));
    expect(first).toMatchObject({ ok: true, reply: { balance: 20 }, replayed: false });
    expect(retry).toEqual({ ...first, replayed: true });
  });

  test("a rejection, a command without effects and a view see what another instance has stored", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 50 });
    await b.call(account, "a").deposit({ amount: 50 });
    expect(await a.call(account, "a").withdraw({ amount: 100 })).toMatchObject({ ok: true });
    await b.call(account, "a").deposit({ amount: 7 });
    expect(await a.call(account, "a").peek()).toMatchObject({ ok: true, reply: 7 });
    await b.call(account, "a").deposit({ amount: 1 });
    expect(await a.view({ entity: "account", id: "a", principal: anonymous })).toMatchObject({ view: { balance: 8 } });
  });

  test("a command that wants the entity to exist is told that it does not", async () => {
    const call = start().call(account, "a", { expectedVersion: "existing" });
    await expect(call.deposit({ amount: 1 })).rejects.toMatchObject({
      code: "version-mismatch",
      message: expect.stringContaining("does not exist, and deposit was to run only if it does."),
    });
  });

  test("a stale If-Match is refused, and a current one accepted, whatever the cache holds", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 50 });
    await b.call(account, "a").deposit({ amount: 50 });
    const stale = a.call(account, "a", { expectedVersion: 1 }).deposit({ amount: 1 });
    await expect(stale).rejects.toMatchObject({ code: "version-mismatch", retry: "reload" });
    expect(await a.call(account, "a", { expectedVersion: 2 }).deposit({ amount: 1 })).toMatchObject({ version: 3 });
  });

  test("an answer decided behind a group member waits until that member is durable", async () => {
    const { opened, open } = gate();
    const inner = createMemoryJournal();
    let held = false;
    const journal = intercepted(inner, () => ({
      async append(append) {
        if (held) await opened;
        return inner.append(append);
      },
    }));
    const a = start(journal);
    await a.call(account, "a").deposit({ amount: 50 });
    held = true;
    const answers: string[] = [];
    const accepted = a.execute(withdraw(50)).then(() => answers.push("accepted"));
    const rejected = a.execute(withdraw(50)).then(({ ok }) => answers.push(`ok ${ok}`));
    const viewed = a.view({ entity: "account", id: "a", principal: anonymous }).then(() => answers.push("viewed"));
    await settle();
    expect(answers).toEqual([]);
    open();
    await Promise.all([accepted, rejected, viewed]);
    expect(answers.toSorted()).toEqual(["accepted", "ok false", "viewed"]);
  });

  test("an answer decided behind a group member that was not stored is decided anew", async () => {
    const inner = createMemoryJournal();
    let broken = false;
    const journal = intercepted(inner, () => ({
      append: (append) => {
        if (!broken) return inner.append(append);
        broken = false;
        return Promise.reject(new HoldfastError("overloaded", "throttled", { retry: "later" }));
      },
    }));
    const a = start(journal);
    await a.call(account, "a").deposit({ amount: 50 });
    broken = true;
    const first = a.execute(withdraw(50));
    const second = a.view({ entity: "account", id: "a", principal: anonymous });
    await expect(first).rejects.toMatchObject({ code: "overloaded" });
    expect(await second).toMatchObject({ view: { balance: 50 } });
  });

  test("waiting requests share one strong read, and an append needs none", async () => {
    const { journal, calls } = counted(createMemoryJournal());
    const a = start(journal);
    await a.call(account, "a").deposit({ amount: 50 });
    calls.load = 0;
    await Promise.all([a.execute(withdraw(10)), a.execute(withdraw(100))]);
    expect(calls).toMatchObject({ load: 0, append: 2 });
    await Promise.all([a.execute(withdraw(100)), a.execute(withdraw(200)), a.call(account, "a").peek()]);
    expect(calls).toMatchObject({ load: 1, append: 2 });
  });
});

describe("rule 2: a slot is a sequence, not a version", () => {
  test("entries without events take slots, so that two of them cannot both be stored at one version", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").remind({ afterMs: 1_000 });
    await b.call(account, "a").remind({ afterMs: 2_000 });
    await a.call(account, "a").remind({ afterMs: 3_000 });
    const stored = await records(journal);
    expect(stored.map(({ sequence, version }) => [sequence, version])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    expect(await a.view({ entity: "account", id: "a", principal: anonymous })).toMatchObject({ version: 0 });
  });
});

describe("rule 3: the chain is checked", () => {
  test("an instance that still caches an erased stream cannot bring it back", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 50 });
    await b.erase({ entity: "account", id: "a", principal: systemPrincipal });
    await expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "erased" });
    await expect(a.execute(withdraw(1, "K"))).rejects.toMatchObject({ code: "erased" });
    await expect(a.view({ entity: "account", id: "a", principal: anonymous })).rejects.toMatchObject({
      code: "erased",
    });
    expect(JSON.stringify(await journal.history(stream, { after: 0, limit: 10 }))).not.toContain("deposited");
  });

  test("erasing twice is harmless, and a late snapshot brings nothing back", async () => {
    const inner = createMemoryJournal();
    const { opened, open } = gate();
    let held: Promise<void> | undefined;
    const journal = intercepted(inner, () => ({
      async saveSnapshot(at, snapshot, keys) {
        if (snapshot.sequence === 10) {
          held = opened.then(() => inner.saveSnapshot(at, snapshot, keys));
          return held;
        }
        return inner.saveSnapshot(at, snapshot, keys);
      },
    }));
    const a = start(journal);
    for (let i = 0; i < 10; i++) await a.call(account, "a").deposit({ amount: 41 });
    const b = start(journal, { seed: 2 });
    await b.erase({ entity: "account", id: "a", principal: systemPrincipal });
    await b.erase({ entity: "account", id: "a", principal: systemPrincipal });
    open();
    await held;
    await a.close();
    const loaded = await inner.load(stream);
    expect(loaded.snapshot?.body).not.toContain("410");
    const c = start(journal, { seed: 3 });
    await expect(c.call(account, "a").peek()).rejects.toMatchObject({ code: "erased" });
  });

  test("what was asked in the same moment as the erasure leaves no payload behind", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    await a.call(account, "a").deposit({ amount: 1 });
    const all = Promise.allSettled([
      a.call(account, "a").deposit({ amount: 4_711 }),
      a.erase({ entity: "account", id: "a", principal: systemPrincipal }),
      a.call(account, "a").deposit({ amount: 4_711 }),
    ]);
    await a.clock.advance(10_000);
    for (const result of await all) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "erased" });
    }
    expect((await all)[1]).toMatchObject({ status: "fulfilled" });
    await expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "erased" });
    const history = await journal.history(stream, { after: 0, limit: 10 });
    expect(history.map(({ sequence }) => sequence)).toEqual(history.map((_, i) => i + 1));
    expect(JSON.stringify(history)).not.toContain("4711");
  });

  test("a stream can be erased though the app's code cannot fold it", async () => {
    const journal = createMemoryJournal();
    await start(journal).call(account, "a").deposit({ amount: 1 });
    const h = holdfast();
    const broken = h
      .entity("account", {
        initial: () => 0,
        events: { deposited: z.object({}) },
        evolve: {
          deposited: () => {
            throw new TypeError("secret");
          },
        },
      })
      .command("peek", { decide: () => [] });
    const b = createTestApp(h.app({ entities: [broken] }), { journal, seed: 2 });
    const error = await b
      .call(broken, "a")
      .peek()
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "internal" });
    expect(String(error)).not.toContain("secret");
    await b.erase({ entity: "account", id: "a", principal: systemPrincipal });
    await expect(b.call(broken, "a").peek()).rejects.toMatchObject({ code: "erased" });
  });

  test("the stored answers of an erased stream are gone too", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    await a.execute({ ...withdraw(5), command: "deposit", key: "K" });
    const b = start(journal, { seed: 2 });
    await b.erase({ entity: "account", id: "a", principal: systemPrincipal });
    const replay = a.execute({ ...withdraw(5), command: "deposit", key: "K" });
    await expect(replay).rejects.toMatchObject({ code: "erased" });
  });

  test("a stream that lost its end under a cached instance is not written on, and goes on from what is there", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    for (let i = 0; i < 3; i++) await a.call(account, "a").deposit({ amount: 1 });
    // An older copy was restored in place.
    const restored = createMemoryJournal();
    const [first] = await journal.history(stream, { after: 0, limit: 1 });
    if (first) await restored.append({ stream, record: first });
    Object.assign(journal, restored);
    await expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "journal-corrupt" });
    expect(await a.call(account, "a").deposit({ amount: 1 })).toMatchObject({ version: 2 });
    expect((await restored.history(stream, { after: 0, limit: 9 })).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test("a record that does not name its predecessor makes the load fail with `journal-corrupt`", async () => {
    const inner = createMemoryJournal();
    const a = start(inner);
    for (let i = 0; i < 3; i++) await a.call(account, "a").deposit({ amount: 1 });
    for (const tamper of [
      (list: readonly object[]) => list.toSpliced(1, 1),
      (list: readonly object[]) => list.map((record, i) => (i === 1 ? { ...record, previous: "x" } : record)),
      (list: readonly object[]) => list.slice(1),
    ]) {
      const journal = intercepted(inner, () => ({
        load: async (...args) => {
          const loaded = await inner.load(...args);
          return { ...loaded, records: tamper(loaded.records) as typeof loaded.records };
        },
      }));
      const b = start(journal, { seed: 2 });
      await expect(b.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "journal-corrupt" });
    }
  });

  test("a cached entity is loaded anew after 15 minutes", async () => {
    const { journal, calls } = counted(createMemoryJournal());
    const a = start(journal);
    await a.call(account, "a").deposit({ amount: 1 });
    calls.load = 0;
    await a.clock.advance(15 * 60_000 - 1);
    await a.call(account, "a").deposit({ amount: 1 });
    expect(calls.load).toBe(0);
    await a.clock.advance(1);
    await a.call(account, "a").deposit({ amount: 1 });
    expect(calls.load).toBe(1);
  });
});

describe("rule 4: `taken` is a conflict only if somebody else took it", () => {
  /** An adapter whose SDK retries by itself: the write lands, the answer is lost, the second try finds its own record. */
  const retrying = (inner: Journal): Journal =>
    intercepted(inner, () => ({
      append: async (append): Promise<AppendResult> => {
        await inner.append(append);
        return "taken";
      },
    }));

  test("an append that the SDK retried after a lost answer takes effect once", async () => {
    const inner = createMemoryJournal();
    const a = start(retrying(inner));
    expect(await a.call(account, "a").deposit({ amount: 5 })).toMatchObject({ ok: true, version: 1, replayed: false });
    expect(await a.call(account, "a").deposit({ amount: 5 })).toMatchObject({ ok: true, version: 2, replayed: false });
    expect(await entries(inner)).toHaveLength(2);
  });

  test("an unknown outcome is settled by the sight of the slot", async () => {
    for (const lands of [true, false]) {
      const inner = createMemoryJournal();
      let unknown = 1;
      const a = start(
        intercepted(inner, () => ({
          append: async (append): Promise<AppendResult> => {
            if (unknown-- <= 0) return inner.append(append);
            if (lands) await inner.append(append);
            return "unknown";
          },
        })),
      );
      const answer = a.call(account, "a").deposit({ amount: 5 });
      await a.clock.advance(1_000);
      expect(await answer).toMatchObject({ ok: true, version: 1 });
      expect(await entries(inner)).toHaveLength(1);
    }
  });

  test("an error of an unknown kind from the store is an unknown outcome, not a failure", async () => {
    const inner = createMemoryJournal();
    let failures = 1;
    const a = start(
      intercepted(inner, () => ({
        append: async (append) => {
          const result = await inner.append(append);
          if (failures-- > 0) throw new Error("socket hang up");
          return result;
        },
      })),
    );
    const answer = a.call(account, "a").deposit({ amount: 5 });
    await a.clock.advance(1_000);
    expect(await answer).toMatchObject({ ok: true, version: 1 });
    expect(await entries(inner)).toHaveLength(1);
  });

  test("while it stays unknown the answer is `outcome-unknown`, and the retry under the same key settles it", async () => {
    for (const lands of [true, false]) {
      const inner = createMemoryJournal();
      let cut = true;
      const a = start(
        intercepted(inner, () => ({
          append: async (append): Promise<AppendResult> => {
            if (!cut) return inner.append(append);
            if (lands) await inner.append(append);
            return "unknown";
          },
        })),
      );
      const request: CommandRequest = { ...withdraw(5), command: "deposit", key: "K" };
      const answer = a.execute(request);
      const failed = expect(answer).rejects.toMatchObject({ code: "outcome-unknown", retry: "later" });
      await a.clock.advance(10_000);
      await failed;
      cut = false;
      expect(await a.execute(request)).toMatchObject({ ok: true, version: 1, replayed: lands });
      expect(await entries(inner)).toHaveLength(1);
    }
  });

  test("a write that lands late, after its caller gave up, does not double the retry", async () => {
    const inner = createMemoryJournal();
    let late: (() => Promise<AppendResult>) | undefined;
    const a = start(
      intercepted(inner, () => ({
        append: async (append): Promise<AppendResult> => {
          if (late) return inner.append(append);
          late = () => inner.append(append);
          return "unknown";
        },
      })),
      { limits: { settleMs: 0 } },
    );
    const request: CommandRequest = { ...withdraw(5), command: "deposit", key: "K" };
    await expect(a.execute(request)).rejects.toMatchObject({ code: "outcome-unknown" });
    expect(await late?.()).toBe("stored");
    expect(await a.execute(request)).toMatchObject({ ok: true, version: 1, replayed: true });
  });

  test("a slot taken by somebody else is decided anew", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const b = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 1 });
    await b.call(account, "a").deposit({ amount: 1 });
    const both = [a.call(account, "a").deposit({ amount: 1 }), b.call(account, "a").deposit({ amount: 1 })];
    for (const result of await Promise.all(both)) expect(result.ok).toBe(true);
    expect(await a.call(account, "a").peek()).toMatchObject({ reply: 4 });
    expect((await records(journal)).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  test("of two racing duplicates on two instances one runs, the other gets its answer", async () => {
    const journal = createMemoryJournal();
    const instances = [1, 2, 3, 4].map((seed) => start(journal, { seed }));
    await instances[0]?.call(account, "a").deposit({ amount: 100 });
    const race = Promise.all(instances.map((instance) => instance.execute(withdraw(30, "K"))));
    for (let i = 0; i < 20; i++) for (const { clock } of instances) await clock.advance(100);
    const outcomes = await race;
    expect(outcomes.map(({ replayed }) => replayed).toSorted()).toEqual([false, true, true, true]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: true, reply: { balance: 70 }, version: 2 });
  });

  test("an instance that always loses gives up with `overloaded`", async () => {
    const inner = createMemoryJournal();
    const rival = start(inner, { seed: 2 });
    const a = start(
      intercepted(inner, () => ({
        append: async (append) => {
          await rival.call(account, "a").deposit({ amount: 1 });
          return inner.append(append);
        },
      })),
    );
    const answer = expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "overloaded" });
    for (let i = 0; i < 30; i++) await a.clock.advance(1_000);
    await answer;
  });
});

describe("rule 5: what is remembered of a rejection", () => {
  test("a rejection stores nothing, and the same key may succeed later", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    expect(await a.execute(withdraw(5, "K"))).toMatchObject({ ok: false, code: "insufficient-funds", status: 409 });
    expect(await records(journal)).toEqual([]);
    await a.call(account, "a").deposit({ amount: 5 });
    expect(await a.execute(withdraw(5, "K"))).toMatchObject({ ok: true, replayed: false });
  });

  test("with `remember` a rejection is stored and answered again", async () => {
    const a = start();
    const request = { ...withdraw(5, "K"), command: "withdrawOnce" };
    const first = await a.execute(request);
    await a.call(account, "a").deposit({ amount: 5 });
    expect(await a.execute(request)).toEqual({ ...first, replayed: true });
    expect(first).toMatchObject({ ok: false, code: "insufficient-funds" });
  });

  test("a derived key is consumed by a rejection: after `cancel`, a redelivered `reserve` does not succeed", async () => {
    const a = start();
    const reserve: CommandRequest = { ...withdraw(5), key: "hf1.1767225600000.derived", keyOrigin: "derived" };
    const first = await a.execute(reserve);
    expect(first).toMatchObject({ ok: false });
    await a.call(account, "a").deposit({ amount: 5 });
    expect(await a.execute(reserve)).toEqual({ ...first, replayed: true });
  });

  test("a derived key and a caller's key with the same text are two keys", async () => {
    const a = start();
    await a.call(account, "a").deposit({ amount: 50 });
    await a.execute({ ...withdraw(5), key: "same", keyOrigin: "derived" });
    expect(await a.execute({ ...withdraw(5), key: "same" })).toMatchObject({ ok: true, replayed: false });
  });
});

describe("rule 6: the window of keys is bounded, and its edge is not silent", () => {
  const day = 24 * 3_600_000;
  const fill = async (a: TestApp, from: number, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await a.execute({ ...withdraw(1), command: "deposit", key: `k${from + i}` });
      await a.clock.advance(1_000);
    }
  };

  test("keys are found across snapshots and restarts, in memory, in the tail and in the journal", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    await fill(a, 0, 35);
    const b = start(journal, { seed: 2, now: a.clock.now() });
    for (const key of ["k0", "k9", "k10", "k29", "k34"]) {
      const i = Number(key.slice(1));
      const outcome = await b.execute({ ...withdraw(1), command: "deposit", key });
      expect(outcome).toMatchObject({ ok: true, replayed: true, version: i + 1, reply: { balance: i + 1 } });
    }
    expect(await b.call(account, "a").peek()).toMatchObject({ reply: 35 });
  });

  test("a key in our own form that is older than what was forgotten is refused, never run again", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const key = formatKey(a.clock.now(), "first");
    const request: CommandRequest = { ...withdraw(1), command: "deposit", key };
    await a.execute(request);
    await fill(a, 0, 12);
    await a.clock.advance(day + 3_600_000);
    await fill(a, 100, 12);
    await expect(a.execute(request)).rejects.toMatchObject({ code: "idempotency-key-expired", retry: "never" });
    const b = start(journal, { seed: 2, now: a.clock.now() });
    await expect(b.execute(request)).rejects.toMatchObject({ code: "idempotency-key-expired" });
    const before = (await b.call(account, "a").peek()) as { version: number };
    expect(before.version).toBe(25);
  });

  test("an instance that wakes a sleeping entity refuses an old key without any write in between", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const request: CommandRequest = { ...withdraw(1), command: "deposit", key: formatKey(a.clock.now(), "first") };
    await a.execute(request);
    await fill(a, 0, 9);
    const b = start(journal, { seed: 2, now: a.clock.now() + 400 * day });
    await expect(b.execute(request)).rejects.toMatchObject({ code: "idempotency-key-expired" });
  });

  test("derived keys live longer than callers' keys", async () => {
    const a = start();
    const derived: CommandRequest = {
      ...withdraw(1),
      command: "deposit",
      key: formatKey(a.clock.now(), "d"),
      keyOrigin: "derived",
    };
    await a.execute(derived);
    await fill(a, 0, 12);
    await a.clock.advance(10 * day);
    await fill(a, 100, 12);
    expect(await a.execute(derived)).toMatchObject({ ok: true, replayed: true });
    await a.clock.advance(16 * day);
    await fill(a, 200, 12);
    await expect(a.execute(derived)).rejects.toMatchObject({ code: "idempotency-key-expired" });
  });

  test("the bound per entity moves the horizon with a warning, and keeps at least as many keys", async () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const limits = { keys: { foreignMs: day, derivedMs: 15 * day, keysMax: 32 } };
    const journal = createMemoryJournal();
    const a = start(journal, { limits, log });
    const key = formatKey(a.clock.now(), "first");
    await a.execute({ ...withdraw(1), command: "deposit", key });
    await fill(a, 0, 99);
    expect(log.warn).toHaveBeenCalledWith(expect.objectContaining({ keysMax: 32 }), expect.stringContaining("bound"));
    await expect(a.execute({ ...withdraw(1), command: "deposit", key })).rejects.toMatchObject({
      code: "idempotency-key-expired",
    });
    const b = start(journal, { seed: 2, now: a.clock.now(), limits });
    for (let i = 67; i < 99; i++) {
      expect(await b.execute({ ...withdraw(1), command: "deposit", key: `k${i}` })).toMatchObject({ replayed: true });
    }
  });

  test("a fresh key of our own form asks the journal for no keys; an opaque one on a cold entity asks once", async () => {
    const { journal, calls } = counted(createMemoryJournal());
    const a = start(journal);
    await fill(a, 0, 25);
    const b = start(journal, { seed: 2, now: a.clock.now() });
    calls.keys = 0;
    await b.execute({ ...withdraw(1), key: formatKey(b.clock.now(), "new") });
    expect(calls.keys).toBe(0);
    await b.execute({ ...withdraw(1), key: "opaque" });
    await b.execute({ ...withdraw(1), key: "opaque two" });
    expect(calls.keys).toBe(1);
  });

  test("neither the snapshot nor a write grows with the number of keys in the window", async () => {
    const journal = createMemoryJournal();
    const sizes: number[] = [];
    const limits = { keys: { foreignMs: day, derivedMs: day, keysMax: 320 } };
    const watched = intercepted(journal, (inner) => ({
      saveSnapshot: (at, snapshot, keys) => {
        sizes.push(snapshot.body.length);
        return inner.saveSnapshot(at, snapshot, keys);
      },
    }));
    await fill(start(watched, { limits }), 0, 1_500);
    expect(sizes).toHaveLength(150);
    expect(Math.max(...sizes)).toBeLessThan(6_000);
    expect(sizes.at(-1)).toBeLessThan(1.3 * (sizes[50] ?? 0));
  });

  test("a key born after its commit, by a client whose clock is ahead, is found again", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const request: CommandRequest = {
      ...withdraw(1),
      command: "deposit",
      key: formatKey(a.clock.now() + 200_000, "x"),
    };
    await a.execute(request);
    await fill(a, 0, 25);
    const b = start(journal, { seed: 2, now: a.clock.now() });
    expect(await b.execute(request)).toMatchObject({ ok: true, replayed: true, version: 1 });
  });

  test("a key from the far future is refused", async () => {
    const a = start();
    const key = formatKey(a.clock.now() + 600_000, "x");
    await expect(a.execute({ ...withdraw(1), key })).rejects.toMatchObject({ code: "invalid-idempotency-key" });
  });

  test("the same key with another payload or command is refused and stores nothing", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    await a.execute({ ...withdraw(5), command: "deposit", key: "K" });
    const reused = { code: "idempotency-key-reused" };
    await expect(a.execute({ ...withdraw(6), command: "deposit", key: "K" })).rejects.toMatchObject(reused);
    await expect(a.execute(withdraw(5, "K"))).rejects.toMatchObject(reused);
    expect(await entries(journal)).toHaveLength(1);
  });

  test("payloads that differ only in key order are equal", async () => {
    const a = start();
    const request = { ...withdraw(5), command: "deposit", key: "K" };
    await a.execute({ ...request, input: { amount: 5, note: "x" } });
    expect(await a.execute({ ...request, input: { note: "x", amount: 5 } })).toMatchObject({ replayed: true });
  });

  test("a key is not lost between the tail and the pages when a snapshot is stored while pages are loaded", async () => {
    const { opened: pagesOpened, open: openPages } = gate();
    const { opened: snapshotOpened, open: openSnapshot } = gate();
    const inner = createMemoryJournal();
    let held = false;
    const journal = intercepted(inner, ({ keys }) => ({
      keys: {
        kind: "pages",
        load: async (...args) => {
          const pages = keys.kind === "pages" ? await keys.load(...args) : [];
          if (held) await pagesOpened;
          return pages;
        },
      },
      saveSnapshot: async (...args) => {
        if (args[1].sequence === 20) await snapshotOpened;
        return inner.saveSnapshot(...args);
      },
    }));
    const a = start(journal);
    await fill(a, 0, 10);
    await a.execute({ ...withdraw(1), command: "deposit", key: "K" });
    await fill(a, 11, 9);
    held = true;
    const opaque = a.execute({ ...withdraw(1), command: "deposit", key: "opaque" });
    await settle();
    openSnapshot();
    await settle();
    openPages();
    await opaque;
    expect(await a.execute({ ...withdraw(1), command: "deposit", key: "K" })).toMatchObject({
      replayed: true,
      version: 11,
    });
  });

  test("duplicates in one group are decided once", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const request = { ...withdraw(5), command: "deposit", key: "K" };
    const other = { ...request, input: { amount: 6 } };
    const [first, second, third] = await Promise.allSettled([a.execute(request), a.execute(request), a.execute(other)]);
    expect(first).toMatchObject({ value: { ok: true, replayed: false } });
    expect(second).toMatchObject({ value: { ok: true, replayed: true } });
    expect(third).toMatchObject({ reason: { code: "idempotency-key-reused" } });
    expect(await entries(journal)).toHaveLength(1);
  });
});
