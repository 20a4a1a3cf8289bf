import { HttpRequest, HttpResponse, type HttpResponseInit } from "@azure/functions";
import { createHttp } from "holdfast/http";
import { createVirtualSystem } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { decodedPath, encodedPath } from "../../../packages/azure-local/paths.ts";
import { answerHttp } from "../../../src/azure/functions/http.ts";
import { createFixture, refused } from "./fixtures.ts";

const system = createVirtualSystem();

/** What the host makes of a path: decoded once, its dot segments gone, and written anew. */
function requestFor(
  method: string,
  path: string,
  init: { readonly headers?: Record<string, string> } = {},
): HttpRequest {
  const given = decodedPath(path) ?? "/";
  return new HttpRequest({
    method,
    url: `https://shop.azurewebsites.net${encodedPath(given)}`,
    params: { path: given.slice(1) },
    body: { bytes: Buffer.from(method === "POST" ? '{"value":1}' : "") },
    headers: { ...(method === "POST" && { "content-type": "application/json" }), ...init.headers },
  });
}

async function json(answer: HttpResponseInit): Promise<unknown> {
  return JSON.parse(await new HttpResponse(answer).text());
}

describe("an id through the functions' host", () => {
  test.each([
    ["b1", "b1"],
    ["a%20b", "a b"],
    ["%C3%A9", "\u00e9"],
    ["a;b=1", "a;b=1"],
    ["50%25", "50%"],
    ["%25-%25", "%-%"],
    ["a+b", "a+b"],
    ["%F0%9F%8E%89", "\u{1f389}"],
    ["%22%3C%7B%7C", '"<{|'],
    ["%E2%82%AC".repeat(85), "\u20ac".repeat(85)],
  ])("%.20s is %.20s", async (segment, id) => {
    const { runtime } = createFixture();
    const http = createHttp(runtime);
    const put = await answerHttp(requestFor("POST", `/api/box/${segment}/put`), async () => http, system);
    expect(put.status).toBe(200);
    expect(
      await json(await answerHttp(requestFor("GET", `/api/box/${segment}`), async () => http, system)),
    ).toMatchObject({ id, version: 1 });
  });

  test.each(["%2541", "a%2520b", "%25%34%31", "%25C3%25A9", "a%2Fb", "%252F", "%5C", "a%3Fb", "%23"])(
    "%s is refused, whatever it was: nothing is stored",
    async (segment) => {
      const { runtime, stored } = createFixture();
      const http = createHttp(runtime);
      const answer = await answerHttp(requestFor("POST", `/api/box/${segment}/put`), async () => http, system);
      expect([answer.status, await json(answer)]).toMatchObject([400, { code: "invalid-id" }]);
      expect(await stored()).toBe("[]");
    },
  );
});

test("an app that does not start is answered as a problem, to be tried again", async () => {
  const down = async (): Promise<never> => {
    throw refused("The table is not there.");
  };
  const answer = await answerHttp(
    requestFor("GET", "/api/box/b1", { headers: { "x-correlation-id": "c1" } }),
    down,
    system,
  );
  expect(answer.status).toBe(503);
  expect(new Headers(answer.headers as never).get("x-correlation-id")).toBe("c1");
  expect(await json(answer)).toMatchObject({ code: "journal-failed", instance: "c1" });
});

test("a correlation id that cannot be sent back is replaced", async () => {
  const down = async (): Promise<never> => {
    throw refused("no");
  };
  const answer = await answerHttp(
    requestFor("GET", "/", { headers: { "x-correlation-id": "x".repeat(500) } }),
    down,
    system,
  );
  expect(new Headers(answer.headers as never).get("x-correlation-id")).toMatch(/^[0-9a-v]{20}$/);
});
