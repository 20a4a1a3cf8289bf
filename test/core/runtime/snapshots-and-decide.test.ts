import { accept, HoldfastError, holdfast, reject, type CommandRequest, type Journal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, type TestApp } from "holdfast/testing";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { account, anonymous, app, counted, gate, intercepted, services, settle, stream } from "../fixtures.ts";

const start = (journal?: Journal, options: object = {}): TestApp =>
  createTestApp(app, { services, ...(journal && { journal }), ...options });

const h = holdfast();

/** A counter whose `evolve` can change its meaning, as in a deploy. */
const counter = (options: { revision?: number; factor?: number; more?: boolean } = {}) => {
  const { revision = 1, factor = 1, more = false } = options;
  const added = z.object({ n: z.number() });
  const evolve = (state: { sum: number }, { n }: { n: number }) => ({ sum: state.sum + n * factor });
  return h
    .entity("counter", {
      initial: () => ({ sum: 0 }),
      events: { added, also: added },
      evolve: { added: evolve, also: evolve },
      revision,
      snapshotEvery: 5,
    })
    .command("add", {
      input: z.object({ n: z.number() }),
      decide: (_state, input, { events }) => (more ? events.also(input) : events.added(input)),
    })
    .command("later", {
      decide: (_state, _input, { schedule }) => {
        schedule("tick", { afterMs: 1_000 }).add({ n: 1 });
        return [];
      },
    })
    .command("read", { decide: (state) => accept([], { reply: state.sum }) });
};

describe("rule 7: a snapshot is a cache of the fold", () => {
  test("a cold load reads one snapshot and at most snapshotEvery records", async () => {
    const inner = createMemoryJournal();
    const a = start(inner);
    for (let i = 0; i < 57; i++) await a.call(account, "a").deposit({ amount: 1 });
    await a.close();
    const { journal, calls, read } = counted(inner);
    expect(await start(journal, { seed: 2 }).call(account, "a").deposit({ amount: 1 })).toMatchObject({ version: 58 });
    expect(calls).toMatchObject({ load: 1, append: 1, history: 0 });
    expect(read.records).toBeLessThanOrEqual(10);
  });

  test("snapshot and tail equal the full fold at every length", async () => {
    const journal = createMemoryJournal();
    const entity = counter();
    const run = (seed: number, from: Journal = journal): TestApp =>
      createTestApp(h.app({ entities: [entity] }), { journal: from, seed });
    const noSnapshots = intercepted(journal, (inner) => ({
      load: async (at, after) => ({ records: await inner.history(at, { after: after ?? 0, limit: 1_000 }) }),
    }));
    for (let i = 1; i <= 23; i++) {
      await run(i).call(entity, "c").add({ n: i });
      const cached = await run(100 + i)
        .call(entity, "c")
        .read();
      const folded = await run(200 + i, noSnapshots)
        .call(entity, "c")
        .read();
      expect(folded).toEqual(cached);
    }
  });

  test("a higher revision folds anew and replaces the snapshot; keys and timers stay valid", async () => {
    const journal = createMemoryJournal();
    const one = counter();
    const a = createTestApp(h.app({ entities: [one] }), { journal });
    const add: CommandRequest = {
      entity: "counter",
      id: "c",
      command: "add",
      input: { n: 1 },
      principal: anonymous,
      key: "K",
    };
    await a.execute(add);
    await a.call(one, "c").later();
    for (let i = 0; i < 10; i++) await a.call(one, "c").add({ n: 1 });
    await a.close();
    const two = counter({ revision: 2, factor: 10 });
    const b = createTestApp(h.app({ entities: [two] }), { journal, seed: 2 });
    expect(await b.call(two, "c").read()).toMatchObject({ reply: 110 });
    expect(await b.execute(add)).toMatchObject({ replayed: true, version: 1 });
    await b.call(two, "c").add({ n: 1 });
    await b.close();
    const { snapshot } = await journal.load({ ...stream, entity: "counter", id: "c" });
    expect(snapshot).toMatchObject({ revision: 2, sequence: 13 });
    expect(JSON.parse(snapshot?.body ?? "").timers).toMatchObject({ tick: { command: "add", input: { n: 1 } } });
    // The old code, still running somewhere, neither uses nor replaces it.
    const c = createTestApp(h.app({ entities: [one] }), { journal, seed: 3 });
    expect(await c.call(one, "c").read()).toMatchObject({ reply: 12 });
    for (let i = 0; i < 10; i++) await c.call(one, "c").add({ n: 1 });
    await c.close();
    expect((await journal.load({ ...stream, entity: "counter", id: "c" })).snapshot).toMatchObject({ revision: 2 });
  });

  test("a snapshot that cannot be stored fails no command and is tried again", async () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const inner = createMemoryJournal();
    let failures = 3;
    const journal = intercepted(inner, () => ({
      saveSnapshot: (...args) =>
        failures-- > 0 ? Promise.reject(new Error("throttled")) : inner.saveSnapshot(...args),
    }));
    const a = start(journal, { log });
    const add: CommandRequest = {
      entity: "account",
      id: "a",
      command: "deposit",
      input: { amount: 1 },
      principal: anonymous,
      key: "K",
    };
    await a.execute(add);
    for (let i = 0; i < 15; i++) await a.call(account, "a").deposit({ amount: 1 });
    await a.close();
    expect(log.warn).toHaveBeenCalledTimes(3);
    expect((await inner.load(stream)).snapshot?.sequence).toBeGreaterThanOrEqual(10);
    expect(await start(inner, { seed: 2 }).execute(add)).toMatchObject({ replayed: true });
  });

  test("an event that this code does not know is refused with `retry: later`", async () => {
    const journal = createMemoryJournal();
    const newer = h
      .entity("account", {
        initial: () => 0,
        events: {
          audited: z.object({}),
          deposited: { schema: z.object({}), version: 2, upcast: { 1: (data: object) => data } },
        },
        evolve: { audited: (n) => n, deposited: (n) => n },
      })
      .command("audit", { decide: (_n, _i, { events }) => events.audited({}) })
      .command("deposit", { decide: (_n, _i, { events }) => events.deposited({}) });
    const b = createTestApp(h.app({ entities: [newer] }), { journal });
    const a = start(journal, { seed: 2 });
    await a.call(account, "a").deposit({ amount: 1 });
    await b.call(newer, "a").audit();
    await expect(a.call(account, "a").peek()).rejects.toMatchObject({ code: "unknown-event", retry: "later" });
    await b.call(newer, "b").deposit();
    await expect(a.call(account, "b").peek()).rejects.toMatchObject({ code: "unknown-event", retry: "later" });
  });

  test("an unknown event that a snapshot has folded already is refused too", async () => {
    const journal = createMemoryJournal();
    const newer = h
      .entity("account", {
        initial: () => ({ balance: 0, closed: false }),
        events: { frozen: z.object({}) },
        evolve: { frozen: (state) => state },
        snapshotEvery: 1,
      })
      .command("freeze", { decide: (_n, _i, { events }) => events.frozen({}) });
    const b = createTestApp(h.app({ entities: [newer] }), { journal });
    await b.call(newer, "a").freeze();
    await b.close();
    expect((await journal.load(stream)).records).toEqual([]);
    const a = start(journal, { seed: 2 });
    await expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "unknown-event" });
  });

  test("an older version of an event is upcast step by step, stored data is never parsed again", async () => {
    const journal = createMemoryJournal();
    const v1 = h
      .entity("person", {
        initial: () => "",
        events: { named: z.object({ full: z.string() }) },
        evolve: { named: (_s, { full }) => full },
      })
      .command("name", {
        input: z.object({ full: z.string() }),
        decide: (_s, input, { events }) => events.named(input),
      });
    const validated = vi.fn();
    const v3 = h
      .entity("person", {
        initial: () => "",
        events: {
          named: {
            schema: z.object({ first: z.string(), last: z.string() }).refine(() => (validated(), true)),
            version: 3,
            upcast: {
              1: ({ full }: { full: string }) => full.split(" "),
              2: ([first, last]: string[]) => ({ first, last }),
            },
          },
        },
        evolve: { named: (_s, { first, last }) => `${last}, ${first}` },
        history: true,
      })
      .command("name", {
        input: z.object({ first: z.string(), last: z.string() }),
        decide: (_s, input, { events }) => events.named(input),
      })
      .command("read", { decide: (state) => accept([], { reply: state }) });
    await createTestApp(h.app({ entities: [v1] }), { journal })
      .call(v1, "p")
      .name({ full: "Ada Lovelace" });
    const b = createTestApp(h.app({ entities: [v3] }), { journal, seed: 2 });
    expect(await b.call(v3, "p").read()).toMatchObject({ reply: "Lovelace, Ada" });
    expect(validated).not.toHaveBeenCalled();
    await b.call(v3, "p").name({ first: "Grace", last: "Hopper" });
    expect(validated).toHaveBeenCalledTimes(1);
    const history = await b.history({ entity: "person", id: "p", principal: anonymous, after: 0, limit: 10 });
    expect(history.events.map(({ data }) => data)).toEqual([
      { first: "Ada", last: "Lovelace" },
      { first: "Grace", last: "Hopper" },
    ]);
  });
});

describe("rule 8: `decide` is synchronous and pure", () => {
  const broken = (decide: () => unknown) =>
    h
      .entity("thing", {
        initial: () => ({ n: 0 }),
        events: { done: z.object({ n: z.number() }) },
        evolve: { done: (_state, { n }) => ({ n }) },
      })
      // The compiler would not let this through.
      .command("run", { decide: decide as () => readonly never[] })
      .command("fine", { decide: (_state, _input, { events }) => events.done({ n: 7 }) });

  test.each([
    [
      "throws",
      () => {
        throw new Error("secret");
      },
    ],
    [
      "throws a string",
      () => {
        throw "secret";
      },
    ],
    ["returns nothing", () => undefined],
    ["returns a number", () => 7],
    ["returns a promise", async () => []],
    ["returns an event made by hand", () => ({ type: "done", data: { n: 1 } })],
    ["returns a list of nonsense", () => [1, 2]],
    ["replies with a date", () => accept([], { reply: new Date(0) })],
    ["replies with a function", () => accept([], { reply: () => 1 })],
    ["rejects with a code that is none", () => reject("no code!", "x")],
  ])("a decide that %s is `internal`, stores nothing, shows nothing, and the entity goes on", async (_name, decide) => {
    const journal = createMemoryJournal();
    const thing = broken(decide);
    const a = createTestApp(h.app({ entities: [thing] }), { journal });
    const error = await a
      .call(thing, "t")
      .run()
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "internal", retry: "never" });
    expect(String((error as Error).message)).not.toContain("secret");
    expect((await journal.load({ ...stream, entity: "thing", id: "t" })).records).toEqual([]);
    expect(await a.call(thing, "t").fine()).toMatchObject({ ok: true, version: 1 });
  });

  test("what it sends and schedules is stored with the events, and dropped on a rejection", async () => {
    const journal = createMemoryJournal();
    const sender = h
      .entity("sender", { initial: () => 0, events: { sent: z.object({}) }, evolve: { sent: (n) => n + 1 } })
      .command("run", {
        input: z.object({ fail: z.boolean() }),
        decide: (_n, { fail }, { events, send, schedule, cancel }) => {
          send(account, "x").deposit({ amount: 5 });
          schedule("again", { afterMs: 1_000 }).run({ fail: true });
          cancel("other");
          return fail ? reject("no", "no") : events.sent({});
        },
      });
    const a = createTestApp(h.app({ entities: [sender] }), { journal });
    await a.call(sender, "s").run({ fail: true });
    await a.call(sender, "s").run({ fail: false });
    const { records } = await journal.load({ ...stream, entity: "sender", id: "s" });
    expect(records).toHaveLength(1);
    expect(JSON.parse(records[0]?.entries ?? "")).toMatchObject([
      {
        command: "run",
        events: [{ type: "sent", data: {} }],
        messages: [{ entity: "account", id: "x", command: "deposit", input: { amount: 5 } }],
        timers: [
          { name: "again", at: a.clock.now() + 1_000, command: "run", input: { fail: true } },
          { name: "other" },
        ],
      },
    ]);
  });

  test("state, events and replies are JSON values, the same before and after a reload, and frozen", async () => {
    const journal = createMemoryJournal();
    const seen: unknown[] = [];
    const note = h
      .entity("note", {
        initial: () => ({ tags: {} as Record<string, string | undefined>, zero: 1 }),
        events: { tagged: z.object({ tag: z.string(), value: z.string().optional() }) },
        evolve: { tagged: (state, { tag, value }) => ({ tags: { ...state.tags, [tag]: value }, zero: -0 }) },
      })
      .command("tag", {
        input: z.object({ tag: z.string(), value: z.string().optional() }),
        decide: (state, input, { events }) => {
          seen.push(state);
          return events.tagged(input);
        },
      })
      .command("read", { decide: (state) => accept([], { reply: { count: Object.keys(state.tags).length, state } }) });
    const a = createTestApp(h.app({ entities: [note] }), { journal });
    await a.call(note, "n").tag({ tag: "a", value: "1" });
    await a.call(note, "n").tag({ tag: "b", value: undefined });
    const warm = await a.call(note, "n").read();
    const cold = await createTestApp(h.app({ entities: [note] }), { journal, seed: 2 })
      .call(note, "n")
      .read();
    expect(warm).toEqual(cold);
    expect(warm).toMatchObject({ reply: { count: 1 } });
    expect(seen.every((state) => Object.isFrozen(state))).toBe(true);
    expect(() => Object.assign((seen[1] as { tags: object }).tags, { c: 1 })).toThrow(TypeError);
  });

  test("prepare runs once per request, outside the queue, and not for a replay", async () => {
    let open = (): void => {};
    const rate = vi.fn(() => new Promise<number>((resolve) => void (open = () => resolve(0.5))));
    const a = createTestApp(app, { services: { rate } });
    await a.call(account, "a").deposit({ amount: 100 });
    const request: CommandRequest = {
      entity: "account",
      id: "a",
      command: "payInterest",
      principal: anonymous,
      key: "K",
    };
    const paid = a.execute(request);
    await settle();
    expect(await a.call(account, "a").deposit({ amount: 100 })).toMatchObject({ version: 2 });
    open();
    expect(await paid).toMatchObject({ ok: true, version: 3 });
    expect(await a.execute(request)).toMatchObject({ replayed: true, version: 3 });
    expect(rate).toHaveBeenCalledTimes(1);
    expect(await a.call(account, "a").peek()).toMatchObject({ reply: 300 });
  });

  test("a duplicate that was answered and left memory while another was being prepared is not run again", async () => {
    const opens: (() => void)[] = [];
    const rate = () => new Promise<number>((resolve) => void opens.push(() => resolve(0.5)));
    const journal = createMemoryJournal();
    const a = createTestApp(app, { journal, services: { rate } });
    await a.call(account, "a").deposit({ amount: 100 });
    const pay: CommandRequest = {
      entity: "account",
      id: "a",
      command: "payInterest",
      principal: anonymous,
      key: "K",
    };
    const slow = a.execute(pay);
    const quick = a.execute(pay);
    await settle();
    opens[1]?.();
    expect(await quick).toMatchObject({ ok: true, replayed: false });
    // Snapshots move the key out of the tail's memory.
    for (let i = 0; i < 25; i++) await a.call(account, "a").deposit({ amount: 1 });
    opens[0]?.();
    expect(await slow).toMatchObject({ ok: true, replayed: true, version: 2 });
    expect(await a.call(account, "a").peek()).toMatchObject({ reply: 175 });
  });

  test("a member that has been prepared while its group waited is not told of the group's failure", async () => {
    const { opened, open } = gate();
    const inner = createMemoryJournal();
    let broken = false;
    const journal = intercepted(inner, () => ({
      load: async (...args) => {
        if (!broken) return inner.load(...args);
        await opened;
        broken = false;
        throw new HoldfastError("overloaded", "down", { retry: "later" });
      },
    }));
    const a = createTestApp(app, { journal, services: { rate: async () => 0.5 } });
    await a.call(account, "a").deposit({ amount: 100 });
    broken = true;
    const paid = a.call(account, "a").payInterest();
    const peeked = expect(a.call(account, "a").peek()).rejects.toMatchObject({ code: "overloaded" });
    await settle();
    open();
    await peeked;
    expect(await paid).toMatchObject({ ok: true, version: 2 });
  });

  test("a prepare that hangs is given up at its deadline, and closing does not wait for it", async () => {
    const a = createTestApp(app, {
      services: { rate: () => new Promise<number>(() => {}) },
      limits: { requestsMax: 1 },
    });
    const call = a.call(account, "a", { deadline: a.clock.now() + 1_000 });
    const paid = expect(call.payInterest()).rejects.toMatchObject({ code: "deadline-exceeded", retry: "later" });
    await a.clock.advance(1_000);
    await paid;
    expect(await a.call(account, "a").deposit({ amount: 1 })).toMatchObject({ ok: true });
    await a.close();
    await a.close();
  });

  test("user code that throws outside `decide` is `internal` too, and shows nothing", async () => {
    const failing = (): never => {
      throw new Error("secret");
    };
    const base = { initial: () => 0, events: { done: z.object({}) }, evolve: { done: (n: number) => n } };
    const options = { input: z.object({}).refine(failing), decide: (): readonly never[] => [] };
    const strict = h.entity("strict", { ...base, authorize: failing }).command("run", { decide: () => [] });
    const schema = h.entity("schema", base).command("run", options);
    const rejecting = { "~standard": { version: 1, vendor: "test", validate: async () => failing() } } as const;
    const late = h.entity("late", base).command("run", { ...options, input: rejecting });
    const view = h.entity("view", { ...base, view: failing }).command("run", { decide: () => [] });
    const a = createTestApp(h.app({ entities: [strict, schema, late, view] }));
    for (const entity of ["strict", "schema", "late"]) {
      const error = await a
        .execute({ entity, id: "x", command: "run", input: {}, principal: anonymous })
        .catch((e: unknown) => e);
      expect(error, entity).toMatchObject({ code: "internal" });
      expect(String(error)).not.toContain("secret");
    }
    const async = h
      .entity("async", { ...base, evolve: { done: (async () => failing()) as unknown as (n: number) => number } })
      .command("run", { decide: (_n, _i, { events }) => events.done({}) });
    const b = createTestApp(h.app({ entities: [async] }));
    await expect(b.call(async, "x").run()).rejects.toMatchObject({ code: "internal" });
    const viewed = a.view({ entity: "view", id: "x", principal: anonymous });
    await expect(viewed).rejects.toMatchObject({ code: "internal" });
  });

  test("what a schema made is the same each time it is decided on", async () => {
    const seen: number[] = [];
    const journal = createMemoryJournal();
    const thing = h
      .entity("thing", { initial: () => 0, events: { done: z.object({}) }, evolve: { done: (n) => n + 1 } })
      .command("run", {
        input: z.object({ list: z.array(z.number()) }),
        decide: (_n, { list }, { events }) => {
          seen.push(list.length);
          expect(() => (list as number[]).push(1)).toThrow(TypeError);
          return events.done({});
        },
      });
    const a = createTestApp(h.app({ entities: [thing] }), { journal });
    const b = createTestApp(h.app({ entities: [thing] }), { journal, seed: 2 });
    await a.call(thing, "t").run({ list: [1] });
    await b.call(thing, "t").run({ list: [1] });
    expect(await a.call(thing, "t").run({ list: [1] })).toMatchObject({ version: 3 });
    expect(seen).toEqual([1, 1, 1, 1]);
  });

  test("the limit on state is exact, whatever `evolve` makes of its events, and timers count", async () => {
    const grow = h
      .entity("grow", {
        initial: () => "",
        events: { grown: z.object({ n: z.number() }) },
        evolve: { grown: (state, { n }) => state + "x".repeat(n) },
      })
      .command("grow", { input: z.object({ n: z.number() }), decide: (_s, input, { events }) => events.grown(input) })
      .command("remind", {
        input: z.object({ name: z.string(), text: z.string() }),
        decide: (_s, { name, text }, { schedule }) => {
          schedule(name, { afterMs: 1 }).remind({ name: "again", text });
          return [];
        },
      });
    const a = createTestApp(h.app({ entities: [grow] }));
    expect(await a.call(grow, "g").grow({ n: 700_000 })).toMatchObject({ ok: true });
    await expect(a.call(grow, "g").grow({ n: 700_000 })).rejects.toMatchObject({ code: "entity-too-large" });
    const text = "x".repeat(100_000);
    for (const name of ["a", "b", "c"]) await a.call(grow, "g").remind({ name, text });
    await expect(a.call(grow, "g").remind({ name: "d", text })).rejects.toMatchObject({ code: "entity-too-large" });
  });

  test("a failure of the group does not answer for a member that is being prepared", async () => {
    let open = (): void => {};
    const rate = () => new Promise<number>((resolve) => void (open = () => resolve(0.5)));
    const inner = createMemoryJournal();
    let broken = false;
    const journal = intercepted(inner, () => ({
      load: (...args) =>
        broken ? Promise.reject(new HoldfastError("overloaded", "down", { retry: "later" })) : inner.load(...args),
    }));
    const a = createTestApp(app, { journal, services: { rate } });
    await a.call(account, "a").deposit({ amount: 100 });
    broken = true;
    const paid = a.call(account, "a").payInterest();
    await expect(a.call(account, "a").peek()).rejects.toMatchObject({ code: "overloaded" });
    broken = false;
    open();
    expect(await paid).toMatchObject({ ok: true, version: 2 });
  });

  test("a prepare that fails is `internal`, and the same key may be tried again", async () => {
    let fail = true;
    const rate = async (): Promise<number> => {
      if (fail) throw new Error("gateway down");
      return 1;
    };
    const a = createTestApp(app, { services: { rate } });
    const request: CommandRequest = {
      entity: "account",
      id: "a",
      command: "payInterest",
      principal: anonymous,
      key: "K",
    };
    await expect(a.execute(request)).rejects.toMatchObject({ code: "internal" });
    fail = false;
    expect(await a.execute(request)).toMatchObject({ ok: true, replayed: false });
  });

  test("state over the limit is `entity-too-large`, before anything is stored, and the entity can shrink again", async () => {
    const journal = createMemoryJournal();
    const blob = h
      .entity("blob", {
        initial: () => "",
        events: { set: z.object({ text: z.string() }) },
        evolve: { set: (state, { text }) => (text === "" ? "" : state + text) },
      })
      .command("set", { input: z.object({ text: z.string() }), decide: (_s, input, { events }) => events.set(input) });
    const a = createTestApp(h.app({ entities: [blob] }), { journal });
    const text = "x".repeat(100_000);
    for (let i = 0; i < 10; i++) await a.call(blob, "b").set({ text });
    await expect(a.call(blob, "b").set({ text })).rejects.toMatchObject({ code: "entity-too-large" });
    expect((await journal.load({ ...stream, entity: "blob", id: "b" })).records).toHaveLength(10);
    expect(await a.call(blob, "b").set({ text: "" })).toMatchObject({ version: 11 });
    expect(await a.call(blob, "b").set({ text })).toMatchObject({ version: 12 });
  });

  test("an event or a record over its limit is refused before anything is stored", async () => {
    const journal = createMemoryJournal();
    const blob = h
      .entity("blob", {
        initial: () => 0,
        events: { set: z.object({ text: z.string() }) },
        evolve: { set: (n) => n + 1 },
      })
      .command("set", {
        input: z.object({ text: z.string(), times: z.number() }),
        decide: (_s, { text, times }, { events }) => Array.from({ length: times }, () => events.set({ text })),
      });
    const a = createTestApp(h.app({ entities: [blob] }), { journal });
    const set = (bytes: number, times: number) => a.call(blob, "b").set({ text: "x".repeat(bytes), times });
    await expect(set(131_072, 1)).rejects.toMatchObject({ code: "event-too-large" });
    await expect(set(60_000, 4)).rejects.toMatchObject({ code: "record-too-large" });
    expect((await journal.load({ ...stream, entity: "blob", id: "b" })).records).toEqual([]);
    expect(await set(60_000, 3)).toMatchObject({ ok: true, version: 3 });
    // A group that does not fit into one record becomes several.
    const results = await Promise.all(Array.from({ length: 6 }, () => set(60_000, 1)));
    expect(results.map(({ version }) => version)).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test("a command whose deadline has passed before the append is refused and stores nothing", async () => {
    const journal = createMemoryJournal();
    const a = start(journal);
    const late = a.call(account, "a", { deadline: a.clock.now() - 1 }).deposit({ amount: 1 });
    await expect(late).rejects.toMatchObject({ code: "deadline-exceeded", retry: "later" });
    expect((await journal.load(stream)).records).toEqual([]);
  });

  test("too many requests are refused with `overloaded`, and it recovers", async () => {
    const a = start(createMemoryJournal(), { limits: { requestsPerEntityMax: 10, requestsMax: 15 } });
    const burst = (id: string, n: number) =>
      Promise.allSettled(Array.from({ length: n }, () => a.call(account, id).deposit({ amount: 1 })));
    const same = await burst("a", 12);
    expect(same.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    expect(same.at(-1)).toMatchObject({ reason: { code: "overloaded", retry: "later", retryAfterMs: 1_000 } });
    const results = await Promise.all(["a", "b", "c", "d"].map((id) => burst(id, 5)));
    expect(results.flat().filter(({ status }) => status === "fulfilled")).toHaveLength(15);
    expect(await a.call(account, "a").deposit({ amount: 1 })).toMatchObject({ ok: true });
  });

  test.each([
    [{ groupMax: 0 }],
    [{ requestsMax: Number.NaN }],
    [{ stateBytesMax: 1.5 }],
    [{ keys: { foreignMs: -1, derivedMs: 1, keysMax: 1 } }],
    [{ nonsense: 1 }],
  ])("limits that are none are refused: %o", (limits) => {
    expect(() => createTestApp(app, { limits: limits as object })).toThrowError(
      expect.objectContaining({ code: "invalid-options" }),
    );
  });

  test.each([
    [0, 0],
    [0, 1_001],
    [-1, 10],
    [Number.NaN, 10],
  ])("history after %s, limit %s, is refused", async (after, limit) => {
    const page = start().history({ entity: "account", id: "a", principal: anonymous, after, limit });
    await expect(page).rejects.toMatchObject({ code: "invalid-query" });
  });

  test("closing refuses what is new and waits for what is under way", async () => {
    const a = start();
    const running = a.call(account, "a").deposit({ amount: 1 });
    const closed = a.close();
    await expect(a.call(account, "a").deposit({ amount: 1 })).rejects.toMatchObject({ code: "overloaded" });
    expect(await running).toMatchObject({ ok: true });
    await closed;
  });

  test("history pages by version, across records of several events", async () => {
    const a = start();
    await Promise.all(Array.from({ length: 7 }, () => a.call(account, "a").deposit({ amount: 1 })));
    for (let i = 0; i < 8; i++) await a.call(account, "a").deposit({ amount: 1 });
    const versions: number[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Awaited<ReturnType<TestApp["history"]>> = await a.history({
        entity: "account",
        id: "a",
        principal: anonymous,
        after,
        limit: 4,
      });
      versions.push(...page.events.map(({ version }) => version));
      after = page.next;
    }
    expect(versions).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  });
});
