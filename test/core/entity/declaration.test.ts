import { accept, createRuntime, holdfast, reject, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, given } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { account, anonymous, app } from "../fixtures.ts";

const h = holdfast();
const done = z.object({});
// The compiler would not let most of these through: casts stand for users without types.
const declare = (name: string, options: object = {}) =>
  h.entity(name, { initial: () => 0, events: { done }, evolve: { done: (n: number) => n + 1 }, ...options });

describe("a declaration", () => {
  test.each([
    ["", "is not allowed"],
    ["1cart", "is not allowed"],
    ["cart_x", "is not allowed"],
    ["__proto__", "is not allowed"],
    ["a".repeat(41), "is not allowed"],
    ["events", "is reserved"],
    ["Then", "is reserved"],
    ["constructor", "is reserved"],
    ["toString", "is reserved"],
    ["tojson", "is reserved"],
  ])("refuses the entity name %j", (name, text) => {
    expect(() => declare(name)).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) }),
    );
  });

  test.each([
    [{ initial: undefined }, "needs initial"],
    [{ snapshotEvery: 0 }, "snapshotEvery"],
    [{ snapshotEvery: 10_001 }, "snapshotEvery"],
    [{ revision: 1.5 }, "revision"],
    [{ snapshotEvry: 5 }, 'Unknown option "snapshotEvry"'],
    [{ evolve: {} }, "needs evolve.done"],
    [{ evolve: { done: (): number => 0, gone: (): number => 0 } }, 'evolves "gone"'],
    [{ events: { done: "no schema" } }, "Standard Schema"],
    [{ events: { done: { schema: done, version: 2, upcast: {} } } }, "no upcast[1]"],
    [{ events: { done: { schema: done, version: 0, upcast: {} } } }, "version"],
    [{ events: { done, Done: done }, evolve: { done: (): number => 0, Done: (): number => 0 } }, "equal ignoring case"],
  ])("refuses %o", (options, text) => {
    expect(() => declare("thing", options)).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) }),
    );
  });

  test("refuses commands that are wrong, double or reserved", () => {
    const thing = declare("thing").command("run", { decide: () => [] });
    const broken = (name: string, options: object) => () => thing.command(name, options as { decide: () => never[] });
    const refused = expect.objectContaining({ code: "invalid-declaration" });
    expect(broken("run", { decide: () => [] })).toThrowError(refused);
    expect(broken("Run", { decide: () => [] })).toThrowError(refused);
    expect(broken("signals", { decide: () => [] })).toThrowError(refused);
    expect(broken("other", {})).toThrowError(refused);
    expect(broken("other", { decide: () => [], input: {} })).toThrowError(refused);
    expect(broken("other", { decide: () => [], typo: 1 })).toThrowError(refused);
  });

  test("an app refuses entities of one name, without commands, or that start with a command they do not have", () => {
    const thing = declare("thing").command("run", { decide: () => [] });
    const Thing = declare("THING").command("run", { decide: () => [] });
    const lost = declare("lost", { startsWith: ["begin"] }).command("run", { decide: () => [] });
    const refused = expect.objectContaining({ code: "invalid-declaration" });
    expect(() => h.app({ entities: [thing, Thing] })).toThrowError(refused);
    expect(() => h.app({ entities: [declare("empty")] })).toThrowError(refused);
    expect(() => h.app({ entities: [lost] })).toThrowError(refused);
  });

  test("declaring a command changes no other entity", () => {
    const base = declare("thing");
    const one = base.command("one", { decide: () => [] });
    const two = base.command("two", { decide: () => [] });
    expect([...one.definition.commands.keys()]).toEqual(["one"]);
    expect([...two.definition.commands.keys()]).toEqual(["two"]);
  });
});

describe("who may do what", () => {
  const user = (id: string, tenant = "default"): Principal => ({ kind: "user", id, tenant, claims: {} });
  const diary = declare("diary", {
    history: true,
    authorize: async (principal: Principal, action: { id: string; kind: string }) => principal.id === action.id,
  }).command("write", { decide: (_n, _i, { events }) => events.done({}) });
  const start = () => createTestApp(h.app({ entities: [diary] }));

  test("a command, a view and the history ask `authorize`; strangers get 401, others 403", async () => {
    const a = start();
    const write = { entity: "diary", id: "ada", command: "write" };
    expect(await a.execute({ ...write, principal: user("ada") })).toMatchObject({ ok: true });
    for (const [principal, code] of [
      [user("bob"), "forbidden"],
      [anonymous, "unauthenticated"],
    ] as const) {
      await expect(a.execute({ ...write, principal })).rejects.toMatchObject({ code });
      await expect(a.view({ ...write, principal })).rejects.toMatchObject({ code });
      await expect(a.history({ ...write, principal, after: 0, limit: 1 })).rejects.toMatchObject({ code });
    }
    expect(await a.view({ ...write, principal: user("ada") })).toMatchObject({ version: 1 });
    expect(await a.call(diary, "ada").write()).toMatchObject({ ok: true, version: 2 });
  });

  test("tenants have streams of their own", async () => {
    const a = start();
    await a.execute({ entity: "diary", id: "ada", command: "write", principal: user("ada", "one") });
    expect(await a.view({ entity: "diary", id: "ada", principal: user("ada", "two") })).toMatchObject({ version: 0 });
    for (const tenant of ["../x", "", undefined, ["one"]]) {
      // What a host without types may hand in.
      const principal = { ...user("ada"), tenant: tenant as string };
      const bad = a.view({ entity: "diary", id: "ada", principal });
      await expect(bad, String(tenant)).rejects.toMatchObject({ code: "invalid-tenant" });
    }
  });
});

describe("entities that begin with certain commands", () => {
  const file = declare("file", { startsWith: ["open"] })
    .command("open", { decide: (_n, _i, { events }) => events.done({}) })
    .command("append", { decide: (_n, _i, { events }) => events.done({}) });

  test("other commands on an absent stream are `not-found`", async () => {
    const a = createTestApp(h.app({ entities: [file] }));
    await expect(a.call(file, "f").append()).rejects.toMatchObject({ code: "not-found" });
    await a.call(file, "f").open();
    expect(await a.call(file, "f").append()).toMatchObject({ ok: true, version: 2 });
  });
});

describe("requests that name nothing", () => {
  const a = createTestApp(app);
  const request = { entity: "account", id: "a", command: "peek", principal: anonymous };

  test.each(["nope", "__proto__", "constructor", "toString", "Account", ""])("entity %j is unknown", async (entity) => {
    await expect(a.execute({ ...request, entity })).rejects.toMatchObject({ code: "unknown-entity" });
    await expect(a.view({ ...request, entity })).rejects.toMatchObject({ code: "unknown-entity" });
  });

  test.each(["nope", "__proto__", "constructor", "toString", "Peek", ""])("command %j is unknown", async (command) => {
    await expect(a.execute({ ...request, command })).rejects.toMatchObject({ code: "unknown-command" });
  });

  test.each([
    ["", "empty"],
    [".", "dot"],
    ["..", "dots"],
    ["a/b", "slash"],
    ["a\\b", "backslash"],
    ["a?b", "question mark"],
    ["a#b", "hash"],
    ["a\u0000b", "control character"],
    ["a\u0085b", "C1 control character"],
    ["e\u0301", "not NFC"],
    ["a\ud800", "lone surrogate"],
    ["x".repeat(257), "257 bytes"],
    ["é".repeat(129), "258 bytes"],
  ])("id %j (%s) is invalid", async (id) => {
    await expect(a.execute({ ...request, id })).rejects.toMatchObject({ code: "invalid-id" });
  });

  test.each(["__proto__", "constructor", "é".repeat(128), "a b", "😀", "'; drop table", "%2F"])(
    "id %j is fine",
    async (id) => {
      expect(await a.execute({ ...request, id })).toMatchObject({ ok: true });
    },
  );

  test.each(["", " ", "x".repeat(256), "a\nb", "ключ", " K"])("key %j is invalid", async (key) => {
    await expect(a.execute({ ...request, key })).rejects.toMatchObject({ code: "invalid-idempotency-key" });
  });

  test("a command without input takes none, and says so", async () => {
    await expect(a.execute({ ...request, input: { x: 1 } })).rejects.toMatchObject({ code: "validation-failed" });
    expect(await a.execute({ ...request, input: {} })).toMatchObject({ ok: true });
  });

  test("an input that its schema refuses names the paths, and a known key still replays", async () => {
    const b = createRuntime(app, { journal: createMemoryJournal() });
    const bad = { ...request, command: "deposit", input: { amount: -1 } };
    await expect(b.execute(bad)).rejects.toMatchObject({
      code: "validation-failed",
      details: [{ path: ["amount"], message: expect.any(String) }],
    });
    await expect(b.execute({ ...bad, key: "K" })).rejects.toMatchObject({ code: "validation-failed" });
  });
});

describe("given, when, then", () => {
  test("specifies events, replies, rejections and timers", () => {
    given(account)
      .when("deposit", { amount: 5 })
      .then([{ type: "deposited", data: { amount: 5 } }]);
    const rich = given(account, { type: "deposited", data: { amount: 50 } });
    rich.when("withdraw", { amount: 20 }).then({ reply: { balance: 30 } });
    rich.when("withdraw", { amount: 70 }).then({ rejected: "insufficient-funds", events: [] });
    rich.when("peek").then({ reply: 50, events: [] });
    rich.when("payInterest", { prepared: 0.5 }).then({ state: { balance: 75, closed: false } });
    given(account)
      .when("remind", { afterMs: 10 }, { now: 100 })
      .then({ timers: [{ name: "reminder", at: 110, command: "peek" }] });
  });

  test("fails where the outcome differs", () => {
    const rich = given(account, { type: "deposited", data: { amount: 50 } });
    expect(() => rich.when("withdraw", { amount: 20 }).then([])).toThrow();
    expect(() => rich.when("withdraw", { amount: 20 }).then({ rejected: "insufficient-funds" })).toThrow("accepted");
    expect(() => rich.when("withdraw", { amount: 70 }).then([])).toThrow("rejected");
    expect(() => rich.when("peek").then({ reply: 51 })).toThrow();
    expect(() => rich.when("withdraw", { amount: -1 }).then([])).toThrow("not valid");
  });

  test("accept and reject check what they are given", () => {
    expect(() => reject("no code!", "x")).toThrow();
    expect(() => reject("code", "x", { status: 500 })).toThrow();
    expect(accept()).toMatchObject({ events: [], reply: undefined });
  });
});
