import { beforeEach, describe, expect, test } from "vitest";
import { createSecured, type Secured, type SendOptions } from "./fixtures.ts";

let secured: Secured;
/** Tokens of the same name in two tenants. */
let ours: string;
let theirs: string;

/** Two tenants, and something secret of the second one under an id that both could use. */
beforeEach(async () => {
  secured = await createSecured();
  ours = await secured.token("alice", "acme");
  theirs = await secured.token("alice", "globex");
  for (const text of ["secret-1", "secret-2", "secret-3"]) await write(theirs, text);
});

const write = (token: string, text: string, headers: Record<string, string> = {}) =>
  secured.send("POST", "/api/note/alice.1/write", { token, json: { text }, headers });

const versionOf = async (token: string) =>
  (await secured.send("GET", "/api/note/alice.1", { token })).headers.get("etag");

test("the same id is another entity in each tenant", async () => {
  expect(await versionOf(ours)).toBe('"0"');
  expect((await write(ours, "ours")).headers.get("etag")).toBe('"1"');
  expect(await (await secured.send("GET", "/api/note/alice.1", { token: ours })).json()).toMatchObject({
    text: "ours",
  });
  expect(await versionOf(theirs)).toBe('"3"');
});

test("the same idempotency key is another key in each tenant, with the same payload or another one", async () => {
  const headers = { "idempotency-key": "order-1" };
  expect((await write(theirs, "paid", headers)).headers.get("idempotency-replayed")).toBeNull();
  const first = await write(ours, "other", headers);
  expect([first.status, first.headers.get("idempotency-replayed"), first.headers.get("etag")]).toEqual([
    204,
    null,
    '"1"',
  ]);
  for (const [token, text, version] of [
    [ours, "other", '"1"'],
    [theirs, "paid", '"4"'],
  ] as const) {
    const again = await write(token, text, headers);
    expect([again.headers.get("idempotency-replayed"), again.headers.get("etag")]).toEqual(["true", version]);
  }
});

test("a history is a tenant's own, page by page, and no version of another tenant's can be resumed", async () => {
  const events = async (query: string, headers: Record<string, string> = {}) =>
    secured.send("GET", `/api/note/alice.1/events${query}`, { token: ours, headers });
  for (const query of ["", "?after=0&limit=1000", "?after=1", "?after=2"]) {
    expect(await (await events(query)).json()).toEqual({ events: [] });
  }
  const resumed = await events("", { accept: "text/event-stream", "last-event-id": "2" });
  expect([resumed.status, await resumed.text()]).toEqual([400, expect.stringContaining("no such event")]);
});

test("a live stream tells what happens in its own tenant alone", async () => {
  const response = await secured.send("GET", "/api/note/alice.1/events", {
    token: ours,
    headers: { accept: "text/event-stream" },
  });
  const reader = response.body?.getReader();
  const next = async () => new TextDecoder().decode((await reader?.read())?.value);
  expect(await next()).toBe("retry: 2000\n\n");
  const chunk = next();
  await write(theirs, "secret-4");
  await secured.run.clock.advance(5_000);
  await write(ours, "hello");
  const text = await chunk;
  expect(text).toMatch(/^id: 1\n.*\ndata: .*"hello"/);
  expect(text).not.toContain("secret");
  await reader?.cancel();
});

describe("a request cannot say which tenant it is of:", () => {
  const elsewhere: readonly (readonly [string, SendOptions & { readonly path?: string }])[] = [
    ...["tenant", "x-tenant", "x-tenant-id", "x-holdfast-tenant", "x-forwarded-host", "x-original-url", "host"].map(
      (name) => [`by the header ${name}`, { headers: { [name]: "globex" } }] as const,
    ),
    ["by the query", { path: "/api/note/alice.1?tenant=globex" }],
    ["by a cookie", { headers: { cookie: "tenant=globex" } }],
    ["by the correlation id", { headers: { "x-correlation-id": "globex/note/alice.1" } }],
    ["by a second token", { headers: { "x-authorization": "Bearer globex" } }],
    ...[
      "/api/globex/note/alice.1",
      "/api/note/globex/alice.1",
      "/api/note/globex%2Fnote%2Falice.1",
      "/api/note/..%2F..%2Fglobex%2Fnote%2Falice.1",
      "/api/note/%2e%2e/globex/alice.1",
      "/api/note/../globex/note/alice.1",
      "/globex/api/note/alice.1",
      "/api/globex%2Fnote/alice.1",
      "/api/note/alice.1%00globex",
      "/api/note/globex%00note%00alice.1",
      "/api/note/globex%5Calice.1",
      "//globex/api/note/alice.1",
      "http://globex/api/note/alice.1",
      "/api/note;tenant=globex/alice.1",
      "/api/note/alice.1;tenant=globex",
      "/api/note/alice.1%3Ftenant=globex",
      "/api/note/alice.1%23globex",
      "/api/note/alice%252e1",
    ].map((target) => [`by the path ${target}`, { target }] as const),
  ];

  test.each(elsewhere)("%s", async (_how, { path = "/api/note/alice.1", ...options }) => {
    const before = await secured.stored("globex");
    const at = (suffix: string): SendOptions => ({
      ...options,
      token: ours,
      ...(options.target !== undefined && { target: options.target + suffix }),
    });
    const [file = "", query = ""] = path.split("?");
    const text = async (response: Response) => response.text();
    const seen = [
      await text(await secured.send("GET", path, at(""))),
      await text(await secured.send("GET", `${file}/events?${query}`, at("/events"))),
      await text(await secured.send("POST", `${file}/read?${query}`, at("/read"))),
      await text(
        await secured.send("POST", `${file}/write?${query}`, { ...at("/write"), json: { text: "taken over" } }),
      ),
    ];
    expect(seen.join()).not.toContain("secret");
    expect(await secured.stored("globex")).toBe(before);
    expect(await versionOf(theirs)).toBe('"3"');
  });

  test("by the body, or what it inherits", async () => {
    const before = await secured.stored("globex");
    for (const json of [
      { text: "x", tenant: "globex" },
      { text: "x", principal: { kind: "system", id: "system", tenant: "globex" } },
      { text: "x", entity: "note", id: "alice.1", stream: { tenant: "globex" } },
      { text: "x", constructor: { prototype: { tenant: "globex" } } },
    ]) {
      await secured.send("POST", "/api/note/alice.1/write", { token: ours, json });
    }
    const polluted = '{"text":"x","__proto__":{"tenant":"globex","kind":"system"}}';
    const headers = { "content-type": "application/json" };
    const response = await secured.send("POST", "/api/note/alice.1/write", { token: ours, body: polluted, headers });
    expect(response.status).toBe(400);
    expect(await secured.stored("globex")).toBe(before);
    expect(await versionOf(ours)).toBe('"4"');
  });
});

test("what follows from a command stays in its tenant: sends, timers, subscriptions", async () => {
  const { run, send } = secured;
  await run.delivered();
  const before = await secured.stored("globex");
  await write(ours, "ours");
  await send("POST", "/api/note/alice.1/tell", { token: ours, json: { to: "alice.9" } });
  await send("POST", "/api/note/alice.1/writeLater", { token: ours, json: { text: "later" } });
  await run.delivered();
  await run.clock.advance(2_000);
  await run.delivered();
  expect(await secured.stored("globex")).toBe(before);
  const mail = async (id: string) =>
    (await (await send("GET", `/api/inbox/${id}`, { token: ours })).json()) as { texts: readonly string[] };
  expect((await mail("alice.9")).texts).toEqual(["ours"]);
  expect((await mail("alice.1.copies")).texts).toEqual(["ours", "later"]);
});

test("tenants of one process do not see each other's caches: what one has just loaded the other does not get", async () => {
  for (let i = 0; i < 3; i++) {
    expect(await versionOf(theirs)).toBe('"3"');
    expect(await versionOf(ours)).toBe('"0"');
  }
  const match = await write(ours, "x", { "if-match": '"3"' });
  expect(match.status).toBe(412);
  expect((await write(ours, "x", { "if-match": '"0"' })).status).toBe(204);
});

test.each(["", "default2!", "../globex", "GLOBEX", "globex\u0000", "a".repeat(65), "globex/note"])(
  "a token of the tenant %j is refused, and is of no other tenant either",
  async (tenant) => {
    const token = await secured.token("alice", tenant);
    const answers = await Promise.all([
      secured.send("GET", "/api/note/alice.1", { token }),
      secured.send("POST", "/api/note/alice.1/write", { token, json: { text: "x" } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(await secured.stored("default")).toBe("[]");
  },
);
