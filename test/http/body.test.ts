import { expect, test } from "vitest";
import { createFixture, refused, type SendOptions } from "./fixtures.ts";

const json = { "content-type": "application/json" };
const path = "/api/box/b1/put";

/** Chunks as they come, without a length. */
function chunked(chunks: Iterable<Uint8Array | string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
  });
}

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

test.each<readonly [string, SendOptions["body"]]>([
  ["empty, but said to be JSON", ""],
  ["blank", "  \n"],
  ["cut off", '{"value":'],
  ["no JSON", "value=3"],
  ["two values", "{} {}"],
  ["with a comment", '{"value":3/**/}'],
  ["1,000 levels deep", `{"value":3,"x":${"[".repeat(1_000)}${"]".repeat(1_000)}}`],
  ["unclosed a million times", "[".repeat(1_000_000)],
  ["with a __proto__ key", '{"value":3,"__proto__":{"polluted":true}}'],
  ["with a nested __proto__ key", '{"value":3,"a":[{"__proto__":1}]}'],
  ["with 1e400", '{"value":1e400}'],
  ["with an integer past 2^53", '{"value":9007199254740993}'],
  ["with a lone surrogate", '{"value":3,"text":"\\ud800"}'],
  ["with a lone surrogate as key", '{"value":3,"\\udc00":1}'],
  ["not UTF-8", bytes(0x7b, 0xff, 0x7d)],
  ["UTF-8 that is cut off", bytes(0x22, 0xc3, 0x22)],
  ["overlong UTF-8", bytes(0x22, 0xc0, 0x80, 0x22)],
  ["an encoded surrogate", bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
  ["UTF-16", bytes(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00)],
  ["with a raw control character in a string", '{"value":3,"text":"\u0001"}'],
  ["NaN", "NaN"],
])("a body that is %s is refused: malformed-json", async (_what, body) => {
  await refused(createFixture(), ["POST", path, { headers: json, body }], [400, "malformed-json"]);
  expect("polluted" in {}).toBe(false);
});

test("constructor and toString are keys like others", async () => {
  const { send } = createFixture();
  const body = '{"value":3,"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":null}';
  expect((await send("POST", "/api/box/b1/any", { headers: json, body })).status).toBe(200);
  expect("polluted" in {}).toBe(false);
});

test.each(["null", "[]", "3", '"3"', "true"])("the wrong type %s is the schema's to refuse", async (body) => {
  await refused(createFixture(), ["POST", path, { headers: json, body }], [422, "validation-failed"]);
});

test("a byte order mark is ignored", async () => {
  const { send } = createFixture();
  expect((await send("POST", path, { headers: json, body: '\ufeff{"value":3}' })).status).toBe(200);
});

test("a command without input needs neither body nor content type, and takes an empty object", async () => {
  const fixture = createFixture();
  const ping = "/api/box/b1/ping";
  expect((await fixture.send("POST", ping)).status).toBe(200);
  expect((await fixture.send("POST", ping, { headers: json })).status).toBe(200);
  expect((await fixture.send("POST", ping, { headers: { "content-type": "text/plain" } })).status).toBe(200);
  expect((await fixture.send("POST", ping, { json: {} })).status).toBe(200);
  expect((await fixture.send("POST", ping, { json: null })).status).toBe(200);
  await refused(fixture, ["POST", ping, { json: { value: 1 } }], [422, "validation-failed"]);
});

test("an optional input may be left out; one that is needed may not", async () => {
  const fixture = createFixture();
  expect(await (await fixture.send("POST", "/api/box/b1/pick")).json()).toBe("none");
  expect(await (await fixture.send("POST", "/api/box/b1/pick", { json: { value: 2 } })).json()).toBe(2);
  await refused(fixture, ["POST", path], [422, "validation-failed"]);
});

test.each([
  ["missing", {}],
  ["text/plain", { "content-type": "text/plain" }],
  ["a form", { "content-type": "application/x-www-form-urlencoded" }],
  ["nearly JSON", { "content-type": "application/jsonp" }],
  ["no type at all", { "content-type": ";;;" }],
  ["JSON in Latin-1", { "content-type": "application/json; charset=iso-8859-1" }],
  ["JSON in UTF-16", { "content-type": 'application/json; charset="utf-16"' }],
  ["compressed", { "content-type": "application/json", "content-encoding": "gzip" }],
])("a content type that is %s is refused: unsupported-media-type", async (_what, headers) => {
  // A stream: a text would bring a content type of its own.
  const request = { headers, body: chunked(['{"value":3}']) };
  await refused(createFixture(), ["POST", path, request], [415, "unsupported-media-type"]);
});

test.each([
  "application/json",
  "Application/JSON",
  "application/json;charset=utf-8",
  'application/json; charset="UTF-8"',
  "application/json; charset=utf8; profile=x",
  "application/vnd.shop.v1+json",
])("the content type %s is JSON", async (type) => {
  const { send } = createFixture();
  expect((await send("POST", path, { headers: { "content-type": type }, body: '{"value":3}' })).status).toBe(200);
});

test("a body over the limit is refused by its length alone, unread", async () => {
  const fixture = createFixture({ http: { bodyBytesMax: 1_000 } });
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(100));
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { ...json, "content-length": "1001" };
  await refused(fixture, ["POST", path, { headers, body }], [413, "payload-too-large"]);
  expect(pulled).toBe(0);
});

test("a chunked body over the limit is refused when it passes it, and not read on", async () => {
  const fixture = createFixture({ http: { bodyBytesMax: 1_000 } });
  let pulled = 0;
  const endless = (function* () {
    for (;;) {
      pulled++;
      yield " ".repeat(100);
    }
  })();
  await refused(fixture, ["POST", path, { headers: json, body: chunked(endless) }], [413, "payload-too-large"]);
  expect(pulled).toBeLessThanOrEqual(13);
});

test("a body of exactly the limit is read, however it is cut", async () => {
  const { send } = createFixture({ http: { bodyBytesMax: 1_000 } });
  const text = `{"value":3,"text":"\u00e4\u20ac"}`.padEnd(1_000 - 3);
  const raw = new TextEncoder().encode(text);
  expect(raw.byteLength).toBe(1_000);
  const single = Array.from(raw, (byte) => bytes(byte));
  expect((await send("POST", path, { headers: json, body: chunked(single) })).status).toBe(200);
  expect((await send("POST", path, { headers: json, body: raw })).status).toBe(200);
});

test("the default limit is 1 MiB", async () => {
  const fixture = createFixture();
  const text = (length: number) => ({ headers: json, body: `{"value":3}`.padEnd(length) });
  expect((await fixture.send("POST", path, text(1024 * 1024))).status).toBe(200);
  await refused(fixture, ["POST", path, text(1024 * 1024 + 1)], [413, "payload-too-large"]);
});

test("all bodies together are bounded too; past it overloaded, and room comes back", async () => {
  const fixture = createFixture({ http: { bodiesBytesMax: 2_000 } });
  let finish = (): void => {};
  const slow = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(" ".repeat(1_500)));
      finish = () => {
        controller.enqueue(new TextEncoder().encode('{"value":3}'));
        controller.close();
      };
    },
  });
  const first = fixture.send("POST", path, { headers: json, body: slow });
  const big = { headers: json, body: `{"value":3}`.padEnd(1_000) };
  // The first one holds its part once it has begun to read.
  await fixture.system.clock.advance(0);
  const problem = await refused(fixture, ["POST", path, big], [503, "overloaded"]);
  expect(problem.detail).toContain("bodies");
  finish();
  expect((await first).status).toBe(200);
  expect((await fixture.send("POST", path, big)).status).toBe(200);
});

test("a body that the client aborts stores nothing and is no error of ours", async () => {
  const fixture = createFixture();
  const aborted = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"value":3}'));
    },
    pull(controller) {
      controller.error(new Error("ECONNRESET"));
    },
  });
  await refused(fixture, ["POST", path, { headers: json, body: aborted }], [400, "request-aborted"]);
  expect(fixture.log.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
});

test("a host's own body source is read instead of the Request's, and its end is awaited", async () => {
  const { send } = createFixture();
  const body = async (take: (chunk: Uint8Array) => void): Promise<void> => {
    take(new TextEncoder().encode('{"val'));
    await Promise.resolve();
    take(new TextEncoder().encode('ue":3}'));
  };
  const response = await send("POST", path, { headers: json, body: "unused", env: { body } });
  expect(response.status).toBe(200);
});
