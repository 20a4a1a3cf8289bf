import { createHttp, type CorsOptions } from "holdfast/http";
import { describe, expect, test } from "vitest";
import { createFixture, problemOf, type Fixture } from "./fixtures.ts";

const shop = "https://shop.example";
const preflightOf = (origin: string, method = "POST") => ({
  headers: { origin, "access-control-request-method": method, "access-control-request-headers": "idempotency-key" },
});
const withCors = (cors: CorsOptions = { origins: [shop] }): Fixture => createFixture({ http: { cors, live: true } });

/** The CORS headers of an answer, `Vary` included. */
function corsOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"));
}

const allowed = {
  "access-control-allow-origin": shop,
  "access-control-expose-headers": "ETag, Retry-After, Idempotency-Replayed, X-Correlation-Id",
  vary: "Origin",
};

test("by default no answer has a CORS header, and OPTIONS says Allow alone", async () => {
  const { send } = createFixture();
  for (const response of [
    await send("POST", "/api/box/b1/put", { json: { value: 1 }, headers: { origin: shop } }),
    await send("GET", "/api/box/b1", { headers: { origin: shop } }),
    await send("OPTIONS", "/api/box/b1/put", preflightOf(shop)),
  ]) {
    expect([response.ok, corsOf(response)]).toEqual([true, {}]);
  }
});

describe("an origin that is listed", () => {
  test("reads answers, errors, rejections and event streams, and the headers of the contract", async () => {
    const { send } = withCors();
    const headers = { origin: shop };
    const answers: readonly (readonly [number, Response])[] = [
      [200, await send("POST", "/api/box/b1/put", { json: { value: 1 }, headers })],
      [409, await send("POST", "/api/box/b1/refuse", { headers })],
      [500, await send("POST", "/api/box/b1/fail", { headers })],
      [401, await send("POST", "/api/vault/v1/open", { headers })],
      [404, await send("GET", "/nope", { headers })],
      [200, await send("GET", "/openapi.json", { headers })],
    ];
    for (const [status, response] of answers) expect([response.status, corsOf(response)]).toEqual([status, allowed]);
    const stream = await send("GET", "/api/box/b1/events", { headers: { ...headers, accept: "text/event-stream" } });
    expect([stream.headers.get("content-type"), corsOf(stream)]).toEqual(["text/event-stream; charset=utf-8", allowed]);
    await stream.body?.cancel();
  });

  test("has its preflights answered on every path, without asking who it is", async () => {
    let asked = 0;
    const fixture = createFixture({
      http: { cors: { origins: [shop], maxAgeMs: 90_000, headers: ["X-Api-Key"] }, authenticate: () => void asked++ },
    });
    for (const path of ["/api/box/b1/put", "/api/vault/v1/open", "/api/nope/x/y", "/nope", "/healthz"]) {
      const response = await fixture.send("OPTIONS", path, preflightOf(shop));
      expect([path, response.status, await response.text()]).toEqual([path, 204, ""]);
      expect(corsOf(response)).toEqual({
        ...allowed,
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers":
          "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Correlation-Id, X-Request-Timeout-Ms, traceparent, tracestate, X-Api-Key",
        "access-control-max-age": "90",
      });
    }
    expect(asked).toBe(0);
    expect(await fixture.stored()).toBe("[]");
  });

  test("may send cookies only where that is said", async () => {
    const credentials = async (cors: CorsOptions) =>
      (await withCors(cors).send("GET", "/api/box/b1", { headers: { origin: shop } })).headers.get(
        "access-control-allow-credentials",
      );
    expect(await credentials({ origins: [shop] })).toBeNull();
    expect(await credentials({ origins: [shop], credentials: true })).toBe("true");
  });
});

describe("an origin that is not listed", () => {
  test.each([
    "https://evil.example",
    "https://shop.example.evil",
    "https://evil-shop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://SHOP.example",
    "https://shop.example/",
    "https://shop.example, https://evil.example",
    "null",
    "*",
    "",
  ])("%j is never named in an answer", async (origin) => {
    const { send } = withCors();
    for (const response of [
      await send("POST", "/api/box/b1/put", { json: { value: 1 }, headers: { origin } }),
      await send("GET", "/nope", { headers: { origin } }),
      await send("OPTIONS", "/api/box/b1/put", preflightOf(origin)),
    ]) {
      expect(corsOf(response)).toEqual({ vary: "Origin" });
    }
  });

  test("and a request without one get Vary too: a cache must not mix them up", async () => {
    expect(corsOf(await withCors().send("GET", "/api/box/b1"))).toEqual({ vary: "Origin" });
  });
});

test("with * every page may read, none by name", async () => {
  const { send } = withCors({ origins: "*" });
  const response = await send("GET", "/api/box/b1", { headers: { origin: "https://evil.example" } });
  const { "access-control-expose-headers": expose } = allowed;
  expect(corsOf(response)).toEqual({ "access-control-allow-origin": "*", "access-control-expose-headers": expose });
  expect((await send("OPTIONS", "/api/box/b1/put", preflightOf("null"))).status).toBe(204);
});

test("an app that is made of pages can be listed by the origin that it has", async () => {
  const origin = "capacitor://localhost";
  const { send } = withCors({ origins: [origin, shop] });
  expect(corsOf(await send("GET", "/api/box/b1", { headers: { origin } }))["access-control-allow-origin"]).toBe(origin);
});

test.each<readonly [string, object]>([
  ["cookies for everybody", { origins: "*", credentials: true }],
  ["a path", { origins: ["https://shop.example/app"] }],
  ["a slash at the end", { origins: ["https://shop.example/"] }],
  ["a pattern", { origins: ["https://*.example"] }],
  ["no scheme", { origins: ["shop.example"] }],
  ["a star in the list", { origins: ["*"] }],
  ["the null origin", { origins: ["null"] }],
  ["local files", { origins: ["file://host"] }],
  ["a page's data", { origins: ["data:text/html,x"] }],
  ["one origin instead of a list", { origins: shop }],
  ["nothing", {}],
  ["a header that is none", { origins: [shop], headers: ["X Y"] }],
  ["an age below zero", { origins: [shop], maxAgeMs: -1 }],
  ["a misspelt option", { origins: [shop], maxAge: 1 }],
])("cors with %s is refused", (_what, cors) => {
  const { runtime } = createFixture();
  expect(() => createHttp(runtime, { cors: cors as CorsOptions })).toThrowError(
    expect.objectContaining({ code: "invalid-options" }),
  );
});

describe("a command that the page of another site sends as a form would", () => {
  const crossSite = { "sec-fetch-site": "cross-site", origin: "https://evil.example" };

  test.each([
    ["without a body", crossSite],
    ["as plain text", { ...crossSite, "content-type": "text/plain" }],
    ["as a form", { ...crossSite, "content-type": "application/x-www-form-urlencoded" }],
    ["from a sibling of this site", { ...crossSite, "sec-fetch-site": "same-site" }],
    ["from what browsers may say one day", { ...crossSite, "sec-fetch-site": "elsewhere" }],
    ["with a password that the browser adds", { ...crossSite, authorization: "Basic YWRhOnNlY3JldA==" }],
    ["with a ticket that the browser adds", { ...crossSite, authorization: "negotiate YII=" }],
  ])("%s is refused: cross-origin, nothing is stored", async (_what, headers) => {
    for (const fixture of [createFixture(), withCors(), withCors({ origins: "*" })]) {
      const response = await fixture.send("POST", "/api/box/b1/note", { headers });
      expect([response.status, (await problemOf(response)).code]).toEqual([403, "cross-origin"]);
      expect(await fixture.stored()).toBe("[]");
    }
  });

  test.each<readonly [string, Record<string, string>]>([
    ["no browser", {}],
    ["a page of this origin", { "sec-fetch-site": "same-origin" }],
    ["whoever typed the address", { "sec-fetch-site": "none" }],
    ["a page whose origin is listed", { "sec-fetch-site": "cross-site", origin: shop }],
    ["a page that had to ask first", { ...crossSite, "idempotency-key": "k" }],
    ["a page with a token", { ...crossSite, authorization: "Bearer alice" }],
  ])("is taken from %s", async (_who, headers) => {
    expect((await withCors().send("POST", "/api/box/b1/ping", { headers })).status).toBe(200);
  });

  test("is taken with JSON, which has to ask first, and reading is anybody's", async () => {
    const { send } = createFixture();
    expect((await send("POST", "/api/box/b1/put", { json: { value: 1 }, headers: crossSite })).status).toBe(200);
    expect((await send("GET", "/api/box/b1", { headers: crossSite })).status).toBe(200);
  });
});

test("every answer has the security headers, errors, event streams and preflights included", async () => {
  const { send } = withCors();
  for (const response of [
    await send("POST", "/api/box/b1/put", { json: { value: 1 } }),
    await send("POST", "/api/box/b1/quiet", { json: { value: 1 } }),
    await send("POST", "/api/box/b1/fail"),
    await send("GET", "/api/vault/v1"),
    await send("GET", "/api/box/b1/events", { headers: { accept: "text/event-stream" } }),
    await send("OPTIONS", "/api/box/b1/put", preflightOf(shop)),
    await send("GET", "/healthz"),
    await send("GET", "/openapi.json"),
    await send("GET", "/nope"),
  ]) {
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
    });
    await response.body?.cancel();
  }
});
