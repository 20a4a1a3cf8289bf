import { systemPrincipal } from "holdfast";
import { beforeEach, describe, expect, test } from "vitest";
import { createSecured, type Secured } from "./fixtures.ts";

let secured: Secured;
beforeEach(async () => {
  secured = await createSecured();
  await secured.run.started;
});

const reasons = async () => (await secured.run.journal.dead({ limit: 100 })).map(({ reason }) => reason.code);
const everything = async () => [
  await secured.stored("acme"),
  await secured.stored("globex"),
  await secured.stored("default"),
];

describe("a queue's message", () => {
  const password = { password: "open sesame" };

  test("that is believed does its work, in the worker's tenant", async () => {
    await secured.run.send("imports", { id: "alice.1", text: "hello" }, { attributes: password });
    await secured.run.delivered();
    expect(await secured.stored("acme")).toContain("hello");
    expect(await reasons()).toEqual([]);
  });

  test.each<readonly [string, Record<string, string>]>([
    ["without what its worker wants to see", {}],
    ["with something else", { password: "open" }],
    ["with it under another name", { Password: "open sesame", "x-password": "open sesame" }],
  ])("%s is a dead letter at once, and nothing is stored", async (_what, attributes) => {
    await secured.run.send("imports", { id: "alice.1", text: "forged" }, { attributes });
    await secured.run.delivered();
    expect(await reasons()).toEqual(["forbidden"]);
    expect(await everything()).toEqual(["[]", "[]", "[]"]);
    expect(secured.log.join("\n")).not.toMatch(/forged|sesame/);
  });

  test("cannot say of which tenant it is, nor who sends it", async () => {
    const attributes = { ...password, tenant: "globex", principal: "root", kind: "system" };
    await secured.run.send("imports", { id: "alice.1", text: "hello", tenant: "globex" }, { attributes });
    await secured.run.delivered();
    expect(await everything()).toEqual([expect.stringContaining("hello"), "[]", "[]"]);
    const [record] = await secured.run.journal.history(
      { tenant: "acme", entity: "note", id: "alice.1" },
      { after: 0, limit: 1 },
    );
    expect(JSON.parse(record?.entries ?? "")).toMatchObject([{ principal: "system", causation: expect.any(String) }]);
  });

  test("that was stolen and is sent again, by the same id, has its effect once", async () => {
    for (let i = 0; i < 3; i++) {
      await secured.run.send("imports", { id: "alice.1", text: "hello" }, { id: "m1", attributes: password });
      await secured.run.delivered();
    }
    const events = await secured.run.history({
      entity: "note",
      id: "alice.1",
      principal: { ...systemPrincipal, tenant: "acme" },
      after: 0,
      limit: 10,
    });
    expect(events.events.length).toBe(1);
  });

  test("that was stolen and changed under its old id has no effect, and is a dead letter", async () => {
    const send = (text: string) =>
      secured.run.send("imports", { id: "alice.1", text }, { id: "m1", attributes: password });
    await send("hello");
    await secured.run.delivered();
    await send("changed");
    await secured.run.delivered();
    expect(await reasons()).toEqual(["handler-not-deterministic"]);
    expect(await secured.stored("acme")).not.toContain("changed");
  });
});

describe("what only the system may do", () => {
  test("is done for who may send, by the entity's own decision, and refused to the same user directly", async () => {
    const { send, token, run } = secured;
    const alice = await token("alice");
    await send("POST", "/api/note/alice.1/write", { token: alice, json: { text: "hello" } });
    await send("POST", "/api/note/alice.1/tell", { token: alice, json: { to: "bob.1" } });
    await run.delivered();
    expect(await (await send("GET", "/api/inbox/bob.1", { token: await token("bob") })).json()).toEqual({
      texts: ["hello"],
    });
    const direct = await send("POST", "/api/inbox/bob.1/receive", { token: alice, json: { text: "x" } });
    expect(direct.status).toBe(403);
  });

  test("cannot be had with a key of our own form: it derives from what nobody outside knows, and is asked for last", async () => {
    const { send, token } = secured;
    const headers = { "idempotency-key": `hf1.${secured.run.clock.now()}.${"a".repeat(32)}` };
    const json = { text: "x" };
    const mallory = await token("mallory");
    const response = await send("POST", "/api/inbox/bob.1/receive", { token: mallory, json, headers });
    expect(response.status).toBe(403);
    expect(await secured.stored("acme")).toBe("[]");
  });
});

test("a leaked idempotency key opens nothing: who may not run the command does not get its stored answer", async () => {
  const { send, token } = secured;
  const headers = { "idempotency-key": "leaked" };
  const alice = await token("alice");
  await send("POST", "/api/note/alice.1/write", { token: alice, json: { text: "secret" } });
  const read = (token: string | undefined) => send("POST", "/api/note/alice.1/read", { token, headers });
  expect(await (await read(alice)).text()).toBe('"secret"');
  for (const other of [undefined, await token("mallory"), await token("alice", "globex")]) {
    const response = await read(other);
    expect(await response.text()).not.toContain("secret");
    expect(response.headers.get("idempotency-replayed")).toBeNull();
  }
});
