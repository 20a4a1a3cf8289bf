import { createRuntime, dependency, holdfast, HoldfastError, type Principal } from "holdfast";
import { client } from "holdfast/client";
import { createHttp } from "holdfast/http";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, createVirtualSystem } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { account } from "../../examples/accounts/account.ts";
import app from "../../examples/accounts/app.ts";
import directory from "../../examples/accounts/directory.ts";
import { createMailServer, createNetwork, othersOn } from "../../examples/accounts/network.ts";
import { proofOf } from "../../examples/accounts/proof-of.ts";

const [first, second, third] = ["one", "two", "three"].map((password) => proofOf("ada", password)) as [
  string,
  string,
  string,
];
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Three services on one clock; Ada works here, and has an account. */
async function setUp() {
  const lines: Line[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const network = createNetwork();
  const mailServer = createMailServer();
  const run = createTestApp(app, {
    services: othersOn(network),
    log: { debug: note, info: note, warn: note, error: note },
  });
  const people = createRuntime(directory, { journal: createMemoryJournal(), system: run.system });
  network.serve("directory", createHttp(people).fetch);
  network.serve("mail", mailServer.fetch);
  network.serve("accounts", createHttp(run).fetch);

  /** Sends a request, and lets time go by until it is answered. */
  async function post(command: string, body: object, headers: { readonly [name: string]: string } = {}) {
    const from = run.clock.now();
    const init = {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    };
    let response: Response | undefined;
    void network.fetch(`http://accounts/api/account/ada/${command}`, init).then((one) => (response = one));
    while (response === undefined) await run.clock.advance(10);
    const text = await response.text();
    const { status } = response;
    const answer =
      text === "" ? {} : (JSON.parse(text) as { readonly code?: string; readonly [field: string]: unknown });
    return {
      status,
      answer,
      code: answer.code,
      replayed: response.headers.has("idempotency-replayed"),
      ms: run.clock.now() - from,
    };
  }
  const look = async () => (await run.view({ entity: "account", id: "ada", principal: somebody })).view;

  await network.fetch("http://directory/api/person/ada/hire", { method: "POST" });
  expect(await post("register", { proof: first })).toMatchObject({ status: 204 });
  return { run, network, mailServer, post, look, lines };
}

describe("a nonce", () => {
  test("nonce 314 three times, also at once: one execution, equal answers", async () => {
    const { post, look, run, mailServer } = await setUp();
    const nonce = { "idempotency-key": "314" };
    const change = { old: first, new: second };
    const answers = [
      ...(await Promise.all([post("changePassword", change, nonce), post("changePassword", change, nonce)])),
      await post("changePassword", change, nonce),
    ];
    expect(answers.map(({ status, answer }) => [status, answer])).toEqual([1, 2, 3].map(() => [200, { changes: 1 }]));
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(2);
    expect(await look()).toMatchObject({ changes: 1 });
    await run.delivered();
    expect(mailServer.sent.size).toBe(1);
  });

  test("the same nonce with another body: refused", async () => {
    const { post, look } = await setUp();
    const nonce = { "idempotency-key": "314" };
    await post("changePassword", { old: first, new: second }, nonce);
    expect(await post("changePassword", { old: second, new: third }, nonce)).toMatchObject({
      status: 422,
      code: "idempotency-key-reused",
    });
    expect(await look()).toMatchObject({ changes: 1 });
  });

  test("outlives a restart, and no secret is stored with it", async () => {
    const { post, run } = await setUp();
    const nonce = { "idempotency-key": "314" };
    await post("changePassword", { old: first, new: second }, nonce);
    const again = createTestApp(app, {
      journal: run.journal,
      services: othersOn({ fetch: () => Promise.reject(new Error("down")) }),
    });
    const request = {
      entity: "account",
      id: "ada",
      command: "changePassword",
      input: { old: first, new: second },
      key: "314",
    };
    expect(await again.execute({ ...request, principal: somebody })).toMatchObject({
      reply: { changes: 1 },
      replayed: true,
    });
    const stream = { tenant: "default", entity: "account", id: "ada" };
    const stored = JSON.stringify(await run.journal.history(stream, { after: 0, limit: 100 }));
    for (const proof of [first, second]) expect(stored).not.toContain(proof);
  });
});

describe("a password", () => {
  test("is changed by who knows the old one, and works here", async () => {
    const { post, network } = await setUp();
    expect(await post("changePassword", { old: second, new: third })).toMatchObject({
      status: 409,
      code: "wrong-password",
    });
    await network.fetch("http://directory/api/person/ada/leave", { method: "POST" });
    expect(await post("changePassword", { old: first, new: second })).toMatchObject({
      status: 403,
      code: "not-employed",
    });
    expect(await post("logIn", { proof: first })).toMatchObject({ status: 200 });
  });

  test("that is wrong five times locks the account for a quarter of an hour, whatever is right then", async () => {
    const { post, run, look } = await setUp();
    for (let i = 0; i < 5; i++) expect((await post("logIn", { proof: second })).answer).toEqual({ session: null });
    expect(await post("logIn", { proof: first })).toMatchObject({ code: "account-locked" });
    await run.clock.advance(15 * 60_000);
    await run.delivered();
    expect(await look()).toMatchObject({ locked: false });
    expect((await post("logIn", { proof: first })).answer["session"]).toMatch(/./);
  });

  test.each([{}, { proof: "short" }, { proof: `${first}!` }, { proof: 7 }])(
    "that is no proof is refused: %j",
    async (body) => {
      const { post } = await setUp();
      expect(await post("logIn", body)).toMatchObject({ status: 422, code: "validation-failed" });
    },
  );
});

describe("a dependency", () => {
  test("that hangs 60 s behind a deadline of 1 s: an error within 1.2 s", async () => {
    const { post, network, look } = await setUp();
    network.set("directory", "hanging");
    const answer = await post("changePassword", { old: first, new: second }, { "x-request-timeout-ms": "1000" });
    expect(answer).toMatchObject({ status: 503, code: "deadline-exceeded" });
    expect(answer.ms).toBeLessThanOrEqual(1_200);
    expect(await look()).toMatchObject({ changes: 0 });
  });

  test("five failures open the circuit, it recovers half-open, other endpoints go on", async () => {
    const { post, network, run, lines } = await setUp();
    const change = { old: first, new: second };
    network.set("directory", "down");
    const codes: unknown[] = [];
    for (let i = 0; i < 4; i++) codes.push((await post("changePassword", change)).code);
    // Two attempts each: the fifth failure is the third call's first.
    expect(codes).toEqual(["dependency-failed", "dependency-failed", "circuit-open", "circuit-open"]);
    expect(network.count("directory")).toBe(1 + 5);
    expect(await post("logIn", { proof: first })).toMatchObject({ status: 200 });
    await run.clock.advance(2_000);
    expect(await post("changePassword", change)).toMatchObject({ code: "circuit-open" });
    expect(network.count("directory")).toBe(1 + 6);
    network.set("directory", "well");
    expect(await post("changePassword", change)).toMatchObject({ code: "circuit-open" });
    await run.clock.advance(2_000);
    expect(await post("changePassword", change)).toMatchObject({ status: 200, answer: { changes: 1 } });
    expect(lines.filter(({ message }) => message.startsWith("the circuit"))).toMatchObject([
      { message: "the circuit of a dependency is open" },
      { message: "the circuit of a dependency is open" },
      { message: "the circuit of a dependency is closed" },
    ]);
  });

  test("a consumer down for an hour loses nothing", async () => {
    const { post, network, run, mailServer } = await setUp();
    network.set("mail", "down");
    const passwords = [first, second, third];
    for (let i = 0; i < 60; i++) {
      const change = { old: passwords[i % 3], new: passwords[(i + 1) % 3] };
      expect(await post("changePassword", change)).toMatchObject({ status: 200 });
      await run.clock.advance(60_000);
    }
    expect(mailServer.sent.size).toBe(0);
    expect(await run.journal.dead({ limit: 10 })).toEqual([]);
    network.set("mail", "well");
    for (let i = 0; i < 30; i++) await run.clock.advance(60_000);
    expect(mailServer.sent.size).toBe(60);
    expect(await run.journal.dead({ limit: 10 })).toEqual([]);
  });
});

test("store down: not ready", async () => {
  const journal = createMemoryJournal();
  let isDown = false;
  const record: typeof journal.record = async (...asked) => {
    if (isDown) throw new HoldfastError("journal-failed", "The store is down.", { retry: "later" });
    return journal.record(...asked);
  };
  const http = createHttp(createRuntime(app, { journal: { ...journal, record } }));
  const ready = async () => (await http.fetch(new Request("http://accounts/readyz"))).status;
  expect(await ready()).toBe(200);
  isDown = true;
  expect(await ready()).toBe(503);
  expect((await http.fetch(new Request("http://accounts/healthz"))).status).toBe(200);
  isDown = false;
  expect(await ready()).toBe(200);
  http.close();
});

test("one correlation id across HTTP, queue and timer, in logs and traces", async () => {
  const { run, network, lines, post } = await setUp();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${trace}-b7ad6b7169203331-01`;
  const travelling = { "x-correlation-id": "case-9", traceparent };
  const letters: Headers[] = [];
  network.serve("mail", async ({ headers }) => {
    letters.push(headers);
    return new Response(null, { status: 204 });
  });
  // A queue, HTTP, a subscription and what it asks, a timer a quarter of an hour later.
  const attributes = { correlationid: "case-9", traceparent };
  await run.send("newcomers", { person: "bob", proof: second }, { id: "m1", attributes });
  for (let i = 0; i < 5; i++) await post("logIn", { proof: third }, travelling);
  await run.clock.advance(15 * 60_000);
  await run.delivered();

  const entries = [];
  for (const id of ["ada", "bob"]) {
    const records = await run.journal.history({ tenant: "default", entity: "account", id }, { after: 0, limit: 100 });
    for (const record of records)
      entries.push(...(JSON.parse(record.entries) as { command: string; correlation: string; trace: string }[]));
  }
  const ours = entries.filter(({ correlation }) => correlation === "case-9");
  expect(ours.map(({ command }) => command)).toEqual([...Array(5).fill("logIn"), "unlock", "register"]);
  expect(new Set(ours.map(({ trace }) => trace))).toEqual(new Set([traceparent]));
  expect(letters.map((headers) => [headers.get("x-correlation-id"), headers.get("traceparent")])).toEqual([
    ["case-9", traceparent],
  ]);
  const logged = lines.filter(({ correlation }) => correlation === "case-9");
  expect(logged.every(({ trace_id }) => trace_id === trace)).toBe(true);
  expect(new Set(logged.map(({ message }) => message))).toEqual(
    new Set(["request", "a newcomer", "Your account is locked for now."]),
  );
});

test("1,000 callers, 3 retries, 3 hops: total calls stay within the retry budget", async () => {
  const system = createVirtualSystem();
  const network = createNetwork();
  const budget = 10;
  /** A service that answers by asking the next one; circuits would hide what the budget does. */
  function serve(name: string, next: string): void {
    const options = { retry: { attempts: 4 }, retriesMax: budget, failuresMax: 1_000, openMs: 1, timeoutMs: 2_000 };
    const other = dependency(next, options);
    const h = holdfast();
    const hop = h.entity("hop", { initial: () => 0, events: {}, evolve: {} }).command("ask", {
      prepare: (_input, { id, reach }) =>
        reach(other, async ({ headers, signal }) => {
          const init = { method: "POST", headers, signal };
          const response = await network.fetch(`http://${next}/api/hop/${id}/ask`, init);
          if (!response.ok) throw new Error(`${response.status}`);
        }),
      decide: () => [],
    });
    const runtime = createRuntime(h.app({ entities: [hop] }), { journal: createMemoryJournal(), system });
    network.serve(name, createHttp(runtime).fetch);
  }
  serve("first", "second");
  serve("second", "third");
  serve("third", "nobody");

  const calls = 1_000;
  // All callers are of one program: they share its budget, as those of each service do.
  const callers = dependency("first", { retry: { attempts: 4 }, retriesMax: budget, failuresMax: 1_000, openMs: 1 });
  const caller = createRuntime(holdfast().app({ entities: [] }), { journal: createMemoryJournal(), system });
  let failed = 0;
  const all = Array.from({ length: calls }, async (_, i) => {
    const behalf = { key: `c${i}`, deadline: system.now() + 20_000, context: {} };
    await caller
      .reach(behalf, callers, async ({ headers, signal }) => {
        const response = await network.fetch(`http://first/api/hop/${i}/ask`, { method: "POST", headers, signal });
        if (!response.ok) throw new Error(`${response.status}`);
      })
      .catch(() => failed++);
  });
  let isOver = false;
  void Promise.all(all).then(() => (isOver = true));
  while (!isOver) await system.clock.advance(100);

  expect(failed).toBe(calls);
  let most = calls;
  for (const name of ["first", "second", "third", "nobody"]) {
    most = most * 1.1 + budget;
    expect(network.count(name)).toBeLessThanOrEqual(most);
    // Each was asked, and retries were made.
    expect(network.count(name)).toBeGreaterThan(calls);
  }
  // Without a budget it would be 256 times.
  expect(network.count("nobody")).toBeLessThan(1.6 * calls);
});

test("the typed client waits as long as it says, and tells the service so", async () => {
  const { network } = await setUp();
  const seen: (string | null)[] = [];
  const fetch: typeof network.fetch = (url, init) => {
    seen.push(new Headers(init?.headers).get("x-request-timeout-ms"));
    return network.fetch(url, init);
  };
  const accounts = client<typeof app>({ url: "http://accounts", fetch, timeoutMs: 3_000 });
  expect(await accounts.account("ada").logIn({ proof: first })).toMatchObject({ ok: true });
  expect(Number(seen[0])).toBeGreaterThan(2_000);
  expect(Number(seen[0])).toBeLessThanOrEqual(3_000);
  expect(account.name).toBe("account");
});
