import { holdfast, machine, on, type DeliveredEvent } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { anonymous } from "../fixtures.ts";

const h = holdfast<{ readonly heard: unknown[] }>();
const nothing = z.object({});

const bell = h
  .entity("bell", { initial: () => 0, events: { rung: nothing }, evolve: { rung: (count: number) => count + 1 } })
  .command("ring", { decide: (_count, _input, { events }) => events.rung({}) });

const door = machine("door", {
  initial: "closed",
  data: () => ({ opened: 0, by: "" }),
  events: {
    opened: z.object({ by: z.string(), force: z.coerce.number().default(1) }),
    closed: nothing,
    locked: z.object({ code: z.string() }),
    unlocked: z.object({ code: z.string() }),
    knocked: nothing,
    removed: nothing,
  },
  evolve: {
    opened: (data, { by, fromState, toState }) => ({ opened: data.opened + 1, by: `${by} ${fromState}>${toState}` }),
  },
  states: {
    closed: {
      on: {
        opened: [
          { to: "broken", guard: (_data, { force }) => force > 9 },
          { to: "open", guard: (_data, { by }) => by !== "thief" },
        ],
        locked: "locked",
        knocked: {},
      },
      entry: (_data, { send, id }) => send(bell, id).ring(),
    },
    open: {
      on: { closed: "closed", opened: "open" },
      timeout: { after: { minutes: 1, seconds: 30 }, to: "closed" },
      entry: ({ opened }, { send }) => send(bell, `n${opened}`).ring(),
    },
    locked: { on: { unlocked: { to: "closed", guard: (_data, { code }) => code === "1" } } },
    broken: { on: { removed: "gone" } },
    gone: { final: true },
  },
  history: true,
  audit: true,
});

const watcher = h.subscription("watcher", {
  to: [on(door.events.opened, { toState: "broken" }), on(door.events.timedOut)],
  handle: (event: DeliveredEvent, { services }) => void services.heard.push([event.type, event.data]),
});
const app = h.app({ entities: [bell, door], subscriptions: [watcher] });

function start() {
  const heard: unknown[] = [];
  const lines: object[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const log = { debug: () => {}, info: note, warn: note, error: note };
  const journal = createMemoryJournal();
  const run = createTestApp(app, { services: { heard }, journal, log });
  const send = (command: string, input: object = {}, key?: string) =>
    run.execute({ entity: "door", id: "d", command, input, principal: anonymous, ...(key !== undefined && { key }) });
  const view = async () => (await run.view({ entity: "door", id: "d", principal: anonymous })).view;
  return { run, journal, heard, lines, send, view };
}

describe("a state machine", () => {
  test("begins where it is declared to, and goes where its table says", async () => {
    const { send, view } = start();
    expect(await view()).toEqual({ state: "closed", data: { opened: 0, by: "" } });
    expect(await send("opened", { by: "me" })).toMatchObject({ ok: true, reply: { state: "open" }, version: 1 });
    expect(await view()).toEqual({ state: "open", data: { opened: 1, by: "me closed>open" } });
    expect(await send("closed")).toMatchObject({ ok: true, reply: { state: "closed" } });
  });

  test("refuses what is not in its table, with state and event, and stays", async () => {
    const { send, view, lines } = start();
    await send("locked", { code: "1" });
    expect(await send("opened", { by: "me" })).toMatchObject({
      ok: false,
      code: "illegal-transition",
      message: 'door "d" is in state "locked", where "opened" is not possible; unlocked is.',
    });
    expect(lines).toEqual([
      expect.objectContaining({
        entity: "door",
        id: "d",
        command: "opened",
        code: "illegal-transition",
        message: expect.stringContaining('in state "locked"') as string,
      }),
    ]);
    await send("unlocked", { code: "1" });
    await send("opened", { by: "me", force: 10 });
    await send("removed");
    expect(await send("closed")).toMatchObject({
      code: "illegal-transition",
      message: 'door "d" is in state "gone", where "closed" is not possible; nothing is any more.',
    });
    expect(await view()).toMatchObject({ state: "gone" });
  });

  test("takes the first transition whose guard says yes; none: refused", async () => {
    const { send, heard, run } = start();
    expect(await send("opened", { by: "thief" })).toMatchObject({ ok: false, code: "guard-refused" });
    expect(await send("opened", { by: "thief", force: "12" })).toMatchObject({ ok: true, reply: { state: "broken" } });
    await run.delivered();
    // As its schema has made it, once, with the passage.
    expect(heard).toEqual([["door.opened", { by: "thief", force: 12, fromState: "closed", toState: "broken" }]]);
  });

  test("a transition that leads nowhere changes no state and enters nothing", async () => {
    const { send, view, run } = start();
    expect(await send("knocked")).toMatchObject({ ok: true, reply: { state: "closed" }, version: 1 });
    await run.delivered();
    expect(await view()).toMatchObject({ state: "closed" });
    expect((await run.view({ entity: "bell", id: "d", principal: anonymous })).version).toBe(0);
  });

  test("runs the entry action on the data as they are then, once, also where it is entered from itself", async () => {
    const { send, run } = start();
    await send("opened", { by: "me" });
    await send("opened", { by: "me" }, "k1");
    await send("opened", { by: "me" }, "k1");
    await send("closed");
    await run.delivered();
    const rung = async (id: string) => (await run.view({ entity: "bell", id, principal: anonymous })).view;
    expect([await rung("n1"), await rung("n2"), await rung("n3"), await rung("d")]).toEqual([1, 1, 0, 1]);
  });

  test("a state that lasts too long is left; one that was left in time, or entered anew, is not", async () => {
    const { send, view, run, heard } = start();
    await send("opened", { by: "me" });
    await run.clock.advance(89_000);
    expect(await view()).toMatchObject({ state: "open" });
    await send("opened", { by: "me" });
    await run.clock.advance(89_000);
    expect(await view()).toMatchObject({ state: "open" });
    await run.clock.advance(2_000);
    await run.delivered();
    expect(await view()).toMatchObject({ state: "closed" });
    expect(heard).toEqual([["door.timedOut", { fromState: "open", toState: "closed" }]]);
    await send("opened", { by: "me" });
    await send("closed");
    await run.clock.advance(200_000);
    await run.delivered();
    expect(heard).toHaveLength(1);
  });

  test("nobody but its timer says that time is over", async () => {
    const { send, view } = start();
    await send("opened", { by: "me" });
    await expect(send("timedOut")).rejects.toMatchObject({ code: "unknown-command" });
    expect(await view()).toMatchObject({ state: "open" });
  });

  test("with audit what was refused is stored, without events and without its key", async () => {
    const { send, journal, run } = start();
    expect(await send("closed", {}, "k1")).toMatchObject({ ok: false, code: "illegal-transition", replayed: false });
    expect(await send("opened", { by: "me" })).toMatchObject({ ok: true });
    // Decided anew: a rejection is not remembered.
    expect(await send("closed", {}, "k1")).toMatchObject({ ok: true, replayed: false });
    const records = await journal.history({ tenant: "default", entity: "door", id: "d" }, { after: 0, limit: 10 });
    const [first] = records.map(({ entries }) => (JSON.parse(entries) as object[])[0]);
    expect(first).toEqual({
      id: expect.any(String) as string,
      command: "closed",
      rejected: { code: "illegal-transition", message: expect.stringContaining('"closed"') as string },
    });
    const { events } = await run.history({ entity: "door", id: "d", principal: anonymous, after: 0, limit: 10 });
    expect(events.map(({ type, version }) => [type, version])).toEqual([
      ["door.opened", 1],
      ["door.closed", 2],
    ]);
  });

  test("with audit two requests with one key, at once, are both decided", async () => {
    const { send } = start();
    const both = await Promise.all([send("closed", {}, "k1"), send("closed", {}, "k1")]);
    expect(both).toMatchObject([
      { ok: false, replayed: false },
      { ok: false, replayed: false },
    ]);
  });

  test("an input that says where it goes is refused", async () => {
    const lift = machine("lift", {
      initial: "down",
      data: () => ({}),
      events: { called: z.looseObject({}) },
      states: { down: { on: { called: "up" } }, up: { final: true } },
    });
    const run = createTestApp(h.app({ entities: [lift] }), { services: { heard: [] } });
    const called = run.execute({
      entity: "lift",
      id: "l",
      command: "called",
      input: { toState: "down" },
      principal: anonymous,
    });
    await expect(called).rejects.toMatchObject({ code: "internal" });
  });
});

describe("a machine's declaration", () => {
  const options = {
    initial: "a",
    data: () => ({}),
    events: { go: nothing },
    states: { a: { on: { go: "b" } }, b: { final: true } },
  };
  const declare = (changes: object) => () => machine("m", { ...options, ...changes } as never);

  test.each([
    [{ initial: "c" }, '"c"; its states are a, b'],
    [{ data: undefined }, "needs data"],
    [{ states: {} }, "has no states"],
    [{ states: { ...options.states, a: { on: { go: "c" } } } }, '"c"; its states are a, b'],
    [{ states: { ...options.states, a: { on: { come: "b" } } } }, '"come", which is none of its events'],
    [{ states: { ...options.states, a: { on: { go: [] } } } }, "no transition"],
    [{ states: { ...options.states, a: { on: { go: [{ to: "b" }, { to: "a" }] } } } }, "none is reached"],
    [{ states: { ...options.states, a: { on: { go: { too: "b" } } } } }, 'Unknown option "too"'],
    [{ states: { ...options.states, b: { final: true, on: { go: "a" } } } }, "is final"],
    [{ states: { ...options.states, b: {} } }, "say final: true"],
    [{ states: { ...options.states, b: { timeout: { after: { minutes: 0 }, to: "a" } } } }, "is 0 ms"],
    [{ states: { ...options.states, b: { timeout: { after: { weeks: 1 }, to: "a" } } } }, '"weeks"'],
    [{ states: { ...options.states, b: { timeout: { after: { days: 4_000 }, to: "a" } } } }, "ten years"],
    [{ states: { ...options.states, B: { final: true } } }, "equal ignoring case"],
    [{ states: { ...options.states, "1b": { final: true } } }, "not allowed"],
    [{ events: { go: nothing, timedOut: nothing } }, "timedOut"],
    [{ evolve: { come: (data: object) => data } }, '"come" but declares no such event'],
    [{ audits: true }, 'Unknown option "audits"'],
  ])("is refused with %j", (changes, text) => {
    expect(declare(changes)).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) as string }),
    );
  });
});
