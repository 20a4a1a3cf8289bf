import { expect, test } from "vitest";
import { createFixture, problemOf, refused } from "./fixtures.ts";

test("a view is the entity's public one, with the version as ETag", async () => {
  const { send } = createFixture();
  await send("POST", "/api/box/b1/put", { json: { value: 3 } });
  const response = await send("GET", "/api/box/b1");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("etag")).toBe('"1"');
  expect(await response.json()).toEqual({ value: 3, id: "b1", version: 1 });
});

test('an absent entity shows its initial state at "0"; so does one whose entries have no events', async () => {
  const { send } = createFixture();
  const absent = await send("GET", "/api/box/b1");
  expect([absent.status, absent.headers.get("etag")]).toEqual([200, '"0"']);
  expect(await absent.json()).toEqual({ value: 0, id: "b1", version: 0 });
  await send("POST", "/api/box/b1/remind", { json: { timers: 1 } });
  expect((await send("GET", "/api/box/b1")).headers.get("etag")).toBe('"0"');
});

test.each([
  ["the version", '"1"', 304],
  ["the version, weak", 'W/"1"', 304],
  ["the version among others", '"7", W/"x", "1"', 304],
  ["anything", "*", 304],
  ["another version", '"2"', 200],
  ["no tag at all", "1", 200],
  ["nonsense", ',,"', 200],
])("If-None-Match with %s (%s) is %i", async (_what, tag, status) => {
  const { send } = createFixture();
  await send("POST", "/api/box/b1/put", { json: { value: 3 } });
  const response = await send("GET", "/api/box/b1", { headers: { "if-none-match": tag } });
  expect([response.status, response.headers.get("etag")]).toEqual([status, '"1"']);
  if (status === 304) expect(await response.text()).toBe("");
});

test("If-None-Match: * does not hide the initial state of an absent entity", async () => {
  const { send } = createFixture();
  expect((await send("GET", "/api/box/b1", { headers: { "if-none-match": "*" } })).status).toBe(200);
  expect((await send("GET", "/api/box/b1", { headers: { "if-none-match": '"0"' } })).status).toBe(304);
});

test("an entity without a public view is 404 no-view, without history 404 no-history", async () => {
  const fixture = createFixture();
  const headers = { authorization: "Bearer alice" };
  await refused(fixture, ["GET", "/api/vault/v1", { headers }], [404, "no-view"]);
  await refused(fixture, ["GET", "/api/vault/v1/events", { headers }], [404, "no-history"]);
});

test("authorize is asked for views and history as for commands", async () => {
  const fixture = createFixture();
  for (const [method, path] of [
    ["POST", "/api/vault/v1/open"],
    ["GET", "/api/vault/v1"],
    ["GET", "/api/vault/v1/events"],
  ] as const) {
    await refused(fixture, [method, path], [401, "unauthenticated"]);
    const mallory = { headers: { authorization: "Bearer mallory" } };
    await refused(fixture, [method, path, mallory], [403, "forbidden"]);
    const expired = { headers: { authorization: "Bearer expired" } };
    await refused(fixture, [method, path, expired], [401, "unauthenticated"]);
  }
});

test("a 401 carries a challenge", async () => {
  const { send } = createFixture();
  expect((await send("GET", "/api/vault/v1")).headers.get("www-authenticate")).toBe("Bearer");
  const custom = createFixture({ http: { challenge: 'Basic realm="vault"' } });
  const response = await custom.send("GET", "/api/vault/v1");
  expect(response.headers.get("www-authenticate")).toBe('Basic realm="vault"');
});

test("an authenticator that fails is 500 without detail; one that names a bad tenant says so", async () => {
  const fixture = createFixture();
  const broken = { headers: { authorization: "Bearer broken" } };
  const problem = await refused(fixture, ["GET", "/api/box/b1", broken], [500, "internal"]);
  expect(problem).not.toHaveProperty("detail");
  const bad = { headers: { authorization: "Bearer eve@NOT OK" }, json: { value: 1 } };
  await refused(fixture, ["POST", "/api/box/b1/put", bad], [400, "invalid-tenant"]);
});

test("the tenant is the principal's: the same id is another entity for another tenant", async () => {
  const { send } = createFixture();
  await send("POST", "/api/box/b1/put", { json: { value: 3 }, headers: { authorization: "Bearer eve@other" } });
  expect(await (await send("GET", "/api/box/b1")).json()).toMatchObject({ version: 0 });
  const other = await send("GET", "/api/box/b1", { headers: { authorization: "Bearer zoe@other" } });
  expect(await other.json()).toMatchObject({ value: 3 });
});

test("an unauthorised caller learns nothing of his body", async () => {
  const { send } = createFixture();
  const response = await send("POST", "/api/vault/v1/open", {
    headers: { "content-type": "application/json", "if-match": "bad" },
    body: "{",
  });
  expect((await problemOf(response)).code).toBe("unauthenticated");
});
