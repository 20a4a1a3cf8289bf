import { request } from "node:http";
import { expect, test } from "vitest";
import { run } from "./fixtures.ts";

test("a request arrives with its bytes, its odd id, the rest of its path, its query and its headers", async () => {
  const { host } = await run();
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const response = await fetch(`${host.url}/FN/echo/a%20%C3%A4%25b/x/y%2Fz/?q=1&q=2&empty=&plus=a+b`, {
    method: "POST",
    body: bytes,
    headers: { "X-Odd": "one,two" },
  });
  expect([response.status, response.headers.get("x-answered-by")]).toEqual([200, "echo"]);
  expect(await response.json()).toEqual({
    method: "POST",
    path: "/FN/echo/a%20%C3%A4%25b/x/y%2Fz/",
    params: { id: "a ä%b", rest: "x/y%2Fz/" },
    query: { q: "1,2", empty: "", plus: "a b" },
    odd: "one,two",
    bytes: [...bytes],
  });
});

test("a body whose length nobody announces does not arrive, as on Azure", async () => {
  const { host } = await run();
  const answer = await new Promise<string>((resolve, reject) => {
    const chunked = request(`${host.url}/fn/echo/a`, { method: "POST" }, (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () => resolve(text));
    });
    chunked.on("error", reject);
    chunked.write("one");
    chunked.end("two");
  });
  expect(JSON.parse(answer)).toMatchObject({ bytes: [] });
});

test("a literal route goes before one with parameters; what no route or method takes is not found", async () => {
  const { host } = await run();
  const literal = await fetch(`${host.url}/fn/echo/one/only`);
  expect([literal.status, await literal.text()]).toEqual([201, "the literal route"]);
  const statuses = await Promise.all(
    [
      fetch(`${host.url}/fn/echo/one/other`),
      fetch(`${host.url}/fn/echo/one`, { method: "DELETE" }),
      fetch(`${host.url}/fn/nobody`),
      fetch(`${host.url}/echo/one`),
      fetch(`${host.url}/fn/echo`),
    ].map(async (response) => (await response).status),
  );
  expect(statuses).toEqual([200, 404, 404, 404, 404]);
});

test("answers have their bytes and cookies, or nothing at all", async () => {
  const { host } = await run();
  const bytes = await fetch(`${host.url}/fn/answers/bytes`);
  expect([bytes.headers.get("content-type"), [...new Uint8Array(await bytes.arrayBuffer())]]).toEqual([
    "image/x-odd",
    [0, 255, 10, 128],
  ]);
  const cookies = await fetch(`${host.url}/fn/answers/cookies`);
  expect([cookies.status, cookies.headers.getSetCookie()]).toEqual([
    204,
    ["a=1%202; max-age=60; path=/; samesite=lax; httponly", "b=2; path=/fn; secure"],
  ]);
  expect((await fetch(`${host.url}/fn/nothing`)).status).toBe(204);
  const head = await fetch(`${host.url}/fn/echo/a`, { method: "HEAD" });
  expect([head.status, head.headers.get("x-answered-by"), await head.text()]).toEqual([200, "echo", ""]);
});

test("a function that throws is answered with 500 and no word of why, which the output has", async () => {
  const { host, output } = await run();
  const response = await fetch(`${host.url}/fn/answers/other`);
  expect([response.status, await response.text()]).toEqual([500, ""]);
  expect(output()).toContain("answers threw Error: no such answer");
});

test("a function that wants a key is closed to who has none, or a wrong one", async () => {
  const { host } = await run();
  const statusOf = async (query: string, headers: { readonly [name: string]: string } = {}): Promise<number> =>
    (await fetch(`${host.url}/fn/locked${query}`, { headers })).status;
  expect(await statusOf("")).toBe(401);
  expect(await statusOf("?code=wrong", { "x-functions-key": "wrong" })).toBe(401);
  expect(await statusOf("?code=secret")).toBe(200);
  expect(await statusOf("", { "x-functions-key": "secret" })).toBe(200);
  const keyless = await run({}, []);
  expect((await fetch(`${keyless.host.url}/fn/locked?code=`)).status).toBe(401);
});

test("a request whose process dies is answered with 502, and the next process answers again", async () => {
  const { host, recorder } = await run();
  recorder.decide = ({ what }) => (what === "held" ? new Promise(() => {}) : 200);
  const held = fetch(`${host.url}/fn/held`);
  await recorder.until("held", 1);
  await host.functions.kill();
  expect((await held).status).toBe(502);
  expect((await fetch(`${host.url}/fn/echo/a`)).status).toBe(200);
  expect(host.functions.failure).toBeUndefined();
});

test("a process that ends by itself is followed by another one, and its failure is told", async () => {
  const { host } = await run();
  expect((await fetch(`${host.url}/fn/answers/end`)).status).toBe(502);
  expect((await fetch(`${host.url}/fn/echo/a`)).status).toBe(200);
  expect(host.functions.failure).toContain("ended by itself with 3");
});
