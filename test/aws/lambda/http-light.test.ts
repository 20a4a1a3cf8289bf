import type { Principal } from "holdfast";
import { iamPrincipal, jwtPrincipal, lambdaPrincipal } from "holdfast/aws/lambda";
import { describe, expect, test } from "vitest";
import { answerOf } from "../../../src/aws/lambda/http/answer.ts";
import { requestOf } from "../../../src/aws/lambda/http/request.ts";
import { LambdaResponse } from "../../../src/aws/lambda/http/response.ts";
import { readsEventAlone } from "../../../src/aws/lambda/principals.ts";
import { urlEvent, type Sent } from "./fixtures.ts";

const read = (sent: Sent): ReturnType<typeof requestOf> => requestOf(urlEvent(sent), {});

describe("what stands for a Request", () => {
  test.each(["get", "GET", "Post", "PATCH", "PURGE"])("%s is the method that a Request has", (method) => {
    const { request, whole } = read({ method, target: "/api/cart/u1?limit=1" });
    const real = new Request(request.url, { method });
    expect([request.method, whole().method]).toEqual([real.method, real.method]);
  });

  test.each(["CONNECT", "trace", "TRACK", "", "GE T", "G\u00cbT"])(
    "%j is refused, as a Request refuses it",
    (method) => {
      expect(() => new Request("https://x.test/", { method })).toThrow(TypeError);
      expect(() => read({ method, target: "/" })).toThrowError(expect.objectContaining({ code: "malformed-request" }));
    },
  );

  test.each(["a\nb", "a\rb", "a\0b"])("the header's value %j is refused, as a Request refuses it", (value) => {
    expect(() => new Headers({ x: value })).toThrow(TypeError);
    const sent = { method: "GET", target: "/", headers: { x: value } };
    expect(() => read(sent)).toThrowError(expect.objectContaining({ code: "malformed-request" }));
  });

  test.each(["", "a b", "\u00e4", "a:b"])("the header's name %j is refused, as a Request refuses it", (name) => {
    expect(() => new Headers({ [name]: "x" })).toThrow(TypeError);
    const sent = { method: "GET", target: "/", headers: { [name]: "x" } };
    expect(() => read(sent)).toThrowError(expect.objectContaining({ code: "malformed-request" }));
  });

  test("headers are those of a Request: any case of the name, without the spaces around", () => {
    const { env, request, whole } = read({ method: "GET", target: "/", headers: { "X-Name": " \ta b\r\n " } });
    expect([env.header?.("x-name"), request.headers.get("x-name"), whole().headers.get("X-NAME")]).toEqual([
      "a b",
      "a b",
      "a b",
    ]);
  });

  test.each(["u:p@", "u@"])("a host with credentials is refused: %s", (credentials) => {
    const event = urlEvent({ method: "GET", target: "/" });
    const requestContext = { ...event.requestContext, domainName: `${credentials}x.test` };
    expect(() => requestOf({ ...event, requestContext }, {})).toThrowError(
      expect.objectContaining({ code: "malformed-request" }),
    );
  });

  test("the whole one is made once, and is a Request", () => {
    const { whole } = read({ method: "POST", target: "/api/cart/u1/addItem", cookies: ["a=1"] });
    expect(whole()).toBeInstanceOf(Request);
    expect(whole()).toBe(whole());
    expect(whole().headers.get("cookie")).toBe("a=1");
  });
});

test("callers that the platform has checked are told by the event alone, all others by the Request too", () => {
  for (const ours of [iamPrincipal(), jwtPrincipal(), lambdaPrincipal({ id: "user" })]) {
    expect(readsEventAlone(ours)).toBe(true);
  }
  expect(readsEventAlone((): Principal | undefined => undefined)).toBe(false);
});

describe("what stands for a Response", () => {
  const both = (body: string | null, headers: Record<string, string>): readonly Response[] =>
    [Response, LambdaResponse].map((Made) => new Made(body, { status: 200, headers }));

  test.each<[string, string | null, Record<string, string>]>([
    ["text", '{"a":"\u00fc"}', { "Content-Type": "application/json", ETag: '"1"' }],
    ["nothing", null, { ETag: '"1"' }],
    ["a header in two cases", "x", { "Content-Type": "text/plain", Vary: "Origin", vary: "Accept" }],
  ])("becomes the answer that a Response becomes: %s", async (_what, body, headers) => {
    const [expected, answer] = await Promise.all(both(body, headers).map(answerOf));
    expect(answer).toEqual(expected);
  });

  test("becomes the answer that a Response becomes: a stream", async () => {
    const stream = (): ReadableStream<Uint8Array> => ReadableStream.from([Buffer.from("a"), Buffer.from("b")]);
    const init = { status: 200, headers: { "Content-Type": "text/event-stream" } };
    const answer = await answerOf(new LambdaResponse(stream(), init));
    expect(answer).toEqual(await answerOf(new Response(stream(), init)));
    expect(answer.body).toBe("ab");
  });

  test.each(["a\r\nSet-Cookie: b=1", "a\0", "\u4e16"])("refuses the header's value %j, as a Response does", (value) => {
    for (const Made of [Response, LambdaResponse]) {
      expect(() => new Made(null, { status: 200, headers: { "X-Name": value } })).toThrow(TypeError);
    }
  });
});
