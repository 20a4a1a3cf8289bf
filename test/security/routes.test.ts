import { systemPrincipal } from "holdfast";
import { beforeEach, describe, expect, test } from "vitest";
import { app, inputs } from "./app.ts";
import { createSecured, routes, told, type Route, type Secured, type SendOptions } from "./fixtures.ts";

const publicRoutes = ["healthz", "readyz"];
const guarded = routes.filter(({ operation }) => !publicRoutes.includes(operation));
const sse = { accept: "text/event-stream" };

/** Each way in with all that can be sent along: HEAD, event streams, and what is wrong in some way or other. */
function variantsOf({ method, path, operation }: Route, id: string): (readonly [string, string, SendOptions])[] {
  const at = path.replace("{id}", id);
  if (method === "GET") {
    const all: (readonly [string, string, SendOptions])[] = [
      ["GET", at, {}],
      ["HEAD", at, {}],
      ["GET", at, { headers: { "if-none-match": "*" } }],
    ];
    if (!operation.endsWith(".events")) return all;
    return [
      ...all,
      ["GET", at, { headers: sse }],
      ["HEAD", at, { headers: sse }],
      ["GET", at, { headers: { ...sse, "last-event-id": "1" } }],
      ["GET", at, { headers: { ...sse, "last-event-id": "x" } }],
      ["GET", `${at}?after=x&limit=0`, {}],
    ];
  }
  const json = inputs[operation];
  return [
    ["POST", at, { json }],
    ["POST", at, { json, headers: { "idempotency-key": "k1" } }],
    ["POST", at, { json, headers: { "idempotency-key": '"' } }],
    ["POST", at, { json, headers: { "if-match": '"0"' } }],
    ["POST", at, { json, headers: { "if-match": "x" } }],
    ["POST", at, { body: "{", headers: { "content-type": "application/json" } }],
    ["POST", at, { body: "x", headers: { "content-type": "text/plain" } }],
    ["POST", at, { json: { nonsense: true } }],
    ["POST", at, { body: "x".repeat(2_000_000), headers: { "content-type": "application/json" } }],
  ];
}

let secured: Secured;

/** There is a note of alice's, one that was erased, and mail for her. */
beforeEach(async () => {
  secured = await createSecured();
  const { run, send, token } = secured;
  const alice = await token("alice");
  await send("POST", "/api/note/alice.1/write", { token: alice, json: { text: "secret-1" } });
  await send("POST", "/api/note/alice.1/tell", { token: alice, json: { to: "alice.1" } });
  await send("POST", "/api/note/alice.gone/write", { token: alice, json: { text: "secret-2" } });
  await send("POST", "/api/vault/alice.1/lock", { token: alice, json: { pin: "secret-3" } });
  await run.delivered();
  await run.erase({ entity: "note", id: "alice.gone", principal: { ...systemPrincipal, tenant: "acme" } });
});

test("the table has every command, view and history of the app, and an input for each command", () => {
  const declared = [...app.entities.values()].flatMap(({ name, commands, view, history }) => [
    ...[...commands.keys()].map((command) => `${name}.${command}`),
    ...(view ? [`${name}.view`] : []),
    ...(history ? [`${name}.events`] : []),
  ]);
  expect(guarded.map(({ operation }) => operation).toSorted()).toEqual(declared.toSorted());
  expect(guarded.length).toBe(10);
  const commands = guarded.filter(({ method }) => method === "POST").map(({ operation }) => operation);
  expect(Object.keys(inputs).toSorted()).toEqual(commands.toSorted());
});

test("what anybody may see without a token is that the service is up, and what it offers", async () => {
  const { send } = secured;
  for (const path of ["/healthz", "/readyz", "/openapi.json"]) {
    const response = await send("GET", path);
    expect([path, response.status]).toEqual([path, 200]);
    expect(await response.text()).not.toContain("secret");
  }
});

const callers: readonly (readonly [who: string, token: (secured: Secured) => Promise<string | undefined>, number])[] = [
  ["nobody in particular", async () => undefined, 401],
  [
    "somebody with a token of another issuer",
    async () => (await createSecured()).token("alice").then((t) => `${t}x`),
    401,
  ],
  ["somebody with a token of no tenant", async ({ token }) => token("alice", ""), 401],
  ["another user of the tenant", async ({ token }) => token("mallory"), 403],
  ["another user whose name begins alike", async ({ token }) => token("alic"), 403],
];

describe.each(guarded)("$method $path", (route) => {
  test.each(callers)("tells %s nothing but that, whatever is sent along", async (_who, tokenOf, status) => {
    const { send, stored } = secured;
    const token = await tokenOf(secured);
    const before = await stored("acme");
    const seen: string[] = [];
    const variants = variantsOf(route, "alice.1");
    for (const [method, path, options] of variants) {
      const response = await send(method, path, { ...options, token });
      const text = await response.text();
      seen.push(`${method} ${response.status}`);
      if (method !== "HEAD") {
        expect(JSON.parse(text)).toMatchObject({ code: status === 401 ? "unauthenticated" : "forbidden" });
      }
      expect(text).not.toMatch(/secret|alice|nonsense/);
      expect(response.headers.get("etag")).toBeNull();
      expect(response.headers.has("www-authenticate")).toBe(status === 401);
    }
    expect(seen).toEqual(variants.map(([method]) => `${method} ${status}`));
    await secured.run.clock.advance(5_000);
    await secured.run.delivered();
    expect(await stored("acme")).toBe(before);
  });

  test("does not tell who may not whether an id exists, or was erased", async () => {
    const { send, token } = secured;
    for (const caller of [undefined, await token("mallory")]) {
      const variants = variantsOf(route, "alice.1");
      for (const [i, [method, path, options]] of variants.entries()) {
        const ask = async (id: string) => {
          const [, other] = variantsOf(route, id)[i] ?? [method, path];
          return told(await send(method, other, { ...options, token: caller }));
        };
        const present = await ask("alice.1");
        expect(await ask("alice.none")).toEqual(present);
        expect(await ask("alice.gone")).toEqual(present);
      }
    }
  });

  test("is open to who may, unless only the system may", async () => {
    const { send, token } = secured;
    const alice = await token("alice");
    const [method, path, options] = variantsOf(route, "alice.1")[0] ?? ["", "", {}];
    const { ok, status } = await send(method, path, { ...options, token: alice });
    expect([route.operation, ok ? "open" : status]).toEqual([
      route.operation,
      route.operation === "inbox.receive" ? 403 : "open",
    ]);
  });

  test("shows the same name in another tenant that tenant's, where nothing is", async () => {
    const { send, token, stored } = secured;
    const alice = await token("alice", "globex");
    const before = await stored("acme");
    for (const [method, path, options] of variantsOf(route, "alice.1")) {
      const response = await send(method, path, { ...options, token: alice });
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") && method === "GET";
      const reader = isStream ? response.body?.getReader() : undefined;
      const text = reader ? new TextDecoder().decode((await reader.read()).value) : await response.text();
      await reader?.cancel();
      expect(text).not.toMatch(/secret/);
      if (method !== "POST") expect([null, '"0"']).toContain(response.headers.get("etag"));
    }
    expect(await stored("acme")).toBe(before);
  });
});

test("names that nobody has declared are the same 404 for all: the document has them anyway", async () => {
  const { send, token } = secured;
  for (const path of ["/api/nope/alice.1", "/api/note/alice.1/nope", "/api/note/alice.1/tell/x"]) {
    const answers = [undefined, await token("mallory"), await token("alice")].map(async (token) =>
      told(await send("POST", path, { token })),
    );
    const [first, ...others] = await Promise.all(answers);
    expect(first).toMatchObject({ status: 404 });
    for (const other of others) expect(other).toEqual(first);
  }
});

test("no token, and nothing that is in one, is in the log, at any level", async () => {
  const { send, token, log } = secured;
  const tokens = [
    await token("alice"),
    await token("mallory"),
    await token("alice", "Not A Tenant"),
    "garbage-token-77",
  ];
  for (const route of guarded) {
    for (const [method, path, options] of variantsOf(route, "alice.1")) {
      for (const token of tokens) await (await send(method, path, { ...options, token })).body?.cancel();
    }
  }
  const text = log.join("\n");
  expect(log.length).toBeGreaterThan(100);
  for (const token of tokens) for (const part of token.split(".")) expect(text).not.toContain(part);
  for (const word of ["Not A Tenant", "id.example", "mallory", "garbage", "secret-"]) expect(text).not.toContain(word);
});
