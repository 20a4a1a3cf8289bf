import { expect, test } from "vitest";
import { createFixture, problemOf, refused } from "./fixtures.ts";

/** As a host hands it over: the target as it was sent. URL parsing would change some of these. */
const sent = (target: string) => ({ json: { value: 1 }, env: { target } });

test.each([
  ["empty", ""],
  ["a slash", "%2F"],
  ["a slash inside", "a%2Fb"],
  ["a backslash", "%5C"],
  ["a question mark", "a%3Fb"],
  ["a number sign", "%23"],
  ["a raw number sign", "a#b"],
  ["a raw backslash", "a\\b"],
  ["a NUL", "%00"],
  ["a line break", "a%0D%0Ab"],
  ["a C1 control character", "%C2%85"],
  ["a DEL", "%7F"],
  ["a dot", "."],
  ["two dots", ".."],
  ["encoded dots", "%2e%2E"],
  ["half encoded dots", ".%2e"],
  ["a malformed escape", "%"],
  ["a half escape", "%4"],
  ["an escape that is no hex", "%zz"],
  ["an overlong slash", "%C0%AF"],
  ["an overlong dot", "%E0%80%AE"],
  ["a lone continuation byte", "%80"],
  ["cut off UTF-8", "%E2%82"],
  ["an encoded surrogate", "%ED%A0%80"],
  ["past Unicode", "%F5%80%80%80"],
  ["not NFC", "e%CC%81"],
  ["another form that is not NFC", "%E2%84%AB"],
  ["raw bytes above ASCII", "\u00c3\u00a9"],
  ["257 bytes long", "x".repeat(257)],
  ["257 bytes of UTF-8", encodeURIComponent(`${"\u20ac".repeat(85)}ab`)],
])("an id that is %s is refused: invalid-id", async (_what, id) => {
  const fixture = createFixture();
  await refused(fixture, ["POST", "/api/box/b/put", sent(`/api/box/${id}/put`)], [400, "invalid-id"]);
  await refused(fixture, ["GET", "/api/box/b/", { env: { target: `/api/box/${id}` } }], [400, "invalid-id"]);
  await refused(
    fixture,
    ["GET", "/api/box/b/events", { env: { target: `/api/box/${id}/events` } }],
    [400, "invalid-id"],
  );
});

test.each([
  ["%25", "%"],
  ["%252F", "%2F"],
  ["a%20b", "a b"],
  ["a+b", "a+b"],
  ["__proto__", "__proto__"],
  ["constructor", "constructor"],
  ["events", "events"],
  ["...", "..."],
  ["%E2%82%AC", "\u20ac"],
  ["%F0%9F%98%80", "\u{1f600}"],
  ["%c3%a9", "\u00e9"],
  ["a;b=1", "a;b=1"],
  ["a:b@c", "a:b@c"],
  ["%22%3C%7B%7C", '"<{|'],
  ["x".repeat(256), "x".repeat(256)],
  [encodeURIComponent("\u20ac".repeat(85)), "\u20ac".repeat(85)],
])("the id %.20s... is decoded once", async (segment, id) => {
  const { send } = createFixture();
  expect((await send("POST", "/api/box/b/put", sent(`/api/box/${segment}/put`))).status).toBe(200);
  const view = await send("GET", "/", { env: { target: `/api/box/${segment}?x=/../` } });
  expect(await view.json()).toMatchObject({ id, version: 1 });
});

test("without the target as it was sent, the Request's own path is read", async () => {
  const fixture = createFixture();
  expect((await fixture.send("POST", "/api/box/%E2%82%AC/put", { json: { value: 1 } })).status).toBe(200);
  expect((await fixture.send("POST", "/api/box/\u20ac/put", { json: { value: 1 } })).status).toBe(200);
  expect(await (await fixture.send("GET", "/api/box/%e2%82%ac")).json()).toMatchObject({ version: 2 });
  await refused(fixture, ["POST", "/api/box/a%2Fb/put", { json: { value: 1 } }], [400, "invalid-id"]);
});

test("the absolute form of a target is routed by its path", async () => {
  const { send } = createFixture();
  const response = await send("POST", "/", sent("http://elsewhere.test:99/api/box/b1/put?x"));
  expect(response.status).toBe(200);
});

test.each(["nope", "Box", "__proto__", "constructor", "toString", "hasOwnProperty", "%00", "%zz", ""])(
  "the entity %j is unknown: 404",
  async (entity) => {
    const fixture = createFixture();
    await refused(fixture, ["POST", "/", sent(`/api/${entity}/b1/put`)], [404, "unknown-entity"]);
    await refused(fixture, ["GET", "/", { env: { target: `/api/${entity}/b1` } }], [404, "unknown-entity"]);
  },
);

test.each(["nope", "Put", "__proto__", "constructor", "toString", "signals", "then", "%00", "%zz", ""])(
  "the command %j is unknown: 404",
  async (command) => {
    await refused(createFixture(), ["POST", "/", sent(`/api/box/b1/${command}`)], [404, "unknown-command"]);
  },
);

test("what was unknown is named, cut to a bearable length", async () => {
  const { send } = createFixture();
  const problem = await problemOf(await send("GET", `/api/${"x".repeat(5_000)}/b1`));
  expect(problem.detail?.length).toBeLessThan(200);
});

test.each([
  "/",
  "/api",
  "/api/",
  "/api/box",
  "/api/box/b1/put/more",
  "/api/box/b1/put/",
  "/api//box/b1/put/x",
  "//api/box/b1/put",
  "/API/box/b1/put",
  "/healthz/",
  "/healthz/x",
  "/favicon.ico",
  "/api/../healthz/../x",
  "*",
  "",
])("nothing is at %j: 404 not-found", async (target) => {
  await refused(createFixture(), ["GET", "/", { env: { target } }], [404, "not-found"]);
});

test("dot segments lead nowhere else", async () => {
  const fixture = createFixture();
  await refused(fixture, ["GET", "/", { env: { target: "/api/../openapi.json" } }], [404, "unknown-entity"]);
  await refused(fixture, ["GET", "/", { env: { target: "/api/box/../../healthz" } }], [404, "not-found"]);
  await refused(fixture, ["POST", "/", sent("/api/box/../put")], [400, "invalid-id"]);
});

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"];

test.each([
  ["/api/box/b1/put", "POST, OPTIONS"],
  ["/api/box/b1", "GET, HEAD, OPTIONS"],
  ["/api/box/b1/events", "GET, HEAD, OPTIONS"],
  ["/healthz", "GET, HEAD, OPTIONS"],
  ["/readyz", "GET, HEAD, OPTIONS"],
  ["/openapi.json", "GET, HEAD, OPTIONS"],
])("%s allows %s and refuses other methods: 405 with Allow", async (path, allow) => {
  const fixture = createFixture();
  const options = await fixture.send("OPTIONS", path);
  expect([options.status, options.headers.get("allow"), await options.text()]).toEqual([204, allow, ""]);
  for (const method of methods) {
    if (allow.includes(method)) continue;
    const before = await fixture.stored();
    const response = await fixture.send(method, path);
    expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, allow]);
    if (method !== "HEAD") expect((await problemOf(response)).code).toBe("method-not-allowed");
    expect(await fixture.stored()).toBe(before);
  }
});

test("HEAD is GET without the body", async () => {
  const { send } = createFixture();
  await send("POST", "/api/box/b1/put", { json: { value: 1 } });
  for (const path of ["/healthz", "/api/box/b1", "/api/box/b1/events", "/openapi.json"]) {
    const response = await send("HEAD", path);
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(response.headers.get("content-type")).toBe("application/json");
  }
  expect((await send("HEAD", "/api/box/b1")).headers.get("etag")).toBe('"1"');
  expect((await send("HEAD", "/api/nope/b1")).status).toBe(404);
});
