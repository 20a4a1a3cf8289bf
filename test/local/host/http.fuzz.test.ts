import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { Journal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { expect, test } from "vitest";
import { hostileText, runs } from "../../core/fuzz.ts";
import { add, raw, start, type Started } from "./fixtures.ts";

const errors = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const documented = new Set([...errors.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code]) => code));

/** A part of a message: text as UTF-8, or bytes. */
type Piece = string | Uint8Array;
const bytesOf = (pieces: readonly Piece[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));

/** A whole request whose end is known. */
interface Message {
  readonly method: string;
  readonly head: string;
  readonly body: Uint8Array;
  /** How the body's end is told. */
  readonly framing: "length" | "chunks" | "none";
  readonly chunks: readonly number[];
}

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant("POST") },
  fc.constantFrom("GET", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH"),
);
const segment = fc.oneof(
  fc.constantFrom(
    "%",
    "%00",
    "%2F",
    "%2e%2e",
    "..",
    ".",
    "%C0%AF",
    "%ED%A0%80",
    "%F0%9F%98%80",
    "a%0d%0ab",
    "*",
    ";a=b",
  ),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "then",
    "%5F_proto__",
    "x".repeat(257),
    "%EF%BF%BE",
    "~",
    "'",
  ),
  hostileText.map((text) => encodeURIComponent(text)),
);
const target = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom("add", "any", "ping", "add?x=%", "Add").map((rest) => `/api/counter/c1/${rest}`),
  },
  fc
    .tuple(fc.constantFrom("counter", "c"), segment, fc.constantFrom("", "/add", "/events", "/any/more"))
    .map(([entity, id, rest]) => `/api/${entity}/${id}${rest}`),
  segment.map((command) => `/api/counter/c1/${command}`),
  segment.map((entity) => `/api/${entity}/c1/add`),
  segment.map((value) => `/api/counter/c1/events?after=${value}&limit=${value}`),
  fc.constantFrom(
    "/",
    "//",
    "*",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "http://a/api/counter/c1",
    "http://",
    "/api",
    "x",
  ),
);
const value = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  fc.constantFrom(
    "",
    "0",
    "-1",
    "k",
    '"k"',
    '"',
    '"0"',
    "*",
    'W/"1"',
    "hf1.1.x",
    "hf1.999999999999999.x",
    "a, b",
    "\t",
    "%00",
  ),
  fc.nat(3_000).map((length) => "v".repeat(length)),
);
const names = [
  ["Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "X-Correlation-Id", "traceparent", "Content-Type"],
  ["Content-Encoding", "Accept-Encoding", "Authorization", "Cookie", "Origin", "Referer", "Range", "Upgrade", "TE"],
  [
    "X-Forwarded-For",
    "X-HTTP-Method-Override",
    "__proto__",
    "constructor",
    "toString",
    "Date",
    "Via",
    "Sec-Fetch-Site",
  ],
].flat();
const header = fc.tuple(fc.constantFrom(...names), value).map(([name, value]) => `${name}: ${value}\r\n`);
const flood = fc.nat(120).map((count) => Array.from({ length: count }, (_, i) => `x-${i}: ${i}\r\n`).join(""));
const headers = fc.oneof(
  { weight: 3, arbitrary: fc.constant("Content-Type: application/json\r\n") },
  fc.tuple(fc.array(header, { maxLength: 4 }), flood).map(([list, flood]) => `${list.join("")}${flood}`),
  header.map((one) => `Content-Type: application/json\r\n${one}${one}`),
);

const json = fc.oneof(
  fc
    .constantFrom(
      ...[
        [
          '{"value":1}',
          '{"value":1}',
          '{"value":-0}',
          '{"value":1e400}',
          '{"value":9007199254740993}',
          "",
          "null",
          "[]",
        ],
        [
          '{"__proto__":{"value":1}}',
          '{"value":1,"value":2}',
          '{"value":"\\ud800"}',
          '{"\\udfff":1}',
          '\ufeff{"value":1}',
        ],
        [
          "[".repeat(9_000),
          `${'{"a":'.repeat(90)}1${"}".repeat(90)}`,
          `{"value":1${"0".repeat(300)}}`,
          "{",
          "'",
          "NaN",
          "1 2",
        ],
        [
          `{"value":0.${"1".repeat(4_000)}}`,
          `"${"x".repeat(25_000)}"`,
          '{"value":1}\0',
          '{"constructor":{"prototype":1}}',
        ],
      ].flat(),
    )
    .map((text) => Buffer.from(text)),
  fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 60 }),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => bytesOf(['{"value":"', bytes, '"}'])),
);

const message: fc.Arbitrary<Message> = fc.record({
  method,
  head: fc.tuple(target, headers).map(([target, headers]) => `${target} HTTP/1.1\r\nHost: x\r\n${headers}`),
  body: json,
  framing: fc.constantFrom("length", "length", "chunks", "none"),
  chunks: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
});

/** As it goes over the wire; header values are Latin-1. */
function encode({ method, head, body, framing, chunks }: Message): Buffer {
  const start = Buffer.from(`${method} ${head}`, "latin1");
  if (framing === "none") return bytesOf([start, "\r\n"]);
  if (framing === "length") return bytesOf([start, `Content-Length: ${body.length}\r\n\r\n`, body]);
  const pieces: Piece[] = [start, "Transfer-Encoding: chunked\r\n\r\n"];
  let at = 0;
  for (const size of [...chunks, body.length]) {
    const chunk = body.subarray(at, at + size);
    if (chunk.length === 0) continue;
    pieces.push(`0${chunk.length.toString(16).toUpperCase()};ext="a b"\r\n`, chunk, "\r\n");
    at += chunk.length;
  }
  return bytesOf([...pieces, "0\r\nX-Trailer: t\r\n\r\n"]);
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The answers in what was received, for requests of these methods. */
function answersIn(received: string, methods: readonly string[]): readonly Answer[] {
  const answers: Answer[] = [];
  let rest = received;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const head = rest.slice(0, end);
    expect(head).toMatch(/^HTTP\/1\.1 [1-5]\d\d /);
    const status = Number(head.slice(9, 12));
    rest = rest.slice(end + 4);
    if (status === 100) continue;
    // What the parser could not read had no method either.
    const isHead = methods[answers.length] === "HEAD" && !rest.startsWith('{"type"');
    const isEmpty = isHead || status === 204 || status === 304;
    const length = isEmpty ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    expect(length).not.toBeNaN();
    answers.push({ status, head, body: Buffer.from(rest.slice(0, length), "latin1").toString() });
    rest = rest.slice(length);
  }
  return answers;
}

/** What holds for every answer. */
function check({ status, head, body }: Answer): void {
  expect(status).not.toBe(500);
  expect(head).toMatch(/^x-correlation-id: [\x20-\x7e]+$/im);
  // No stack, no file of ours or of Node's.
  expect(head + body).not.toMatch(/\n\s+at |node_modules|node:internal|\.[cm]?[jt]s:\d|\/work\/|\/src\/|file:\/\//);
  if (status < 400 || body === "") return;
  expect(head).toMatch(/^content-type: application\/problem\+json$/im);
  const problem = JSON.parse(body) as { readonly status: number; readonly code: string };
  expect(problem.status).toBe(status);
  expect(documented).toContain(problem.code);
}

/** A host whose journal counts what it stores. */
async function counting(): Promise<Started & { stored(): number }> {
  const inner = createMemoryJournal();
  let stored = 0;
  const journal: Journal = {
    ...inner,
    async append(append) {
      const result = await inner.append(append);
      if (result === "stored") stored++;
      return result;
    },
  };
  const started = await start({ journal, http: { bodyBytesMax: 20_000 } });
  return { ...started, stored: () => stored };
}

const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

test("whatever whole requests come, one after the other on a connection: each is answered, and a refused one stores nothing", async () => {
  const { host, complaints, stored } = await counting();
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
      const before = stored();
      const connection = await raw(host);
      connection.write(bytesOf([...messages.map(encode), last]));
      const received = await connection.end();
      connection.socket.destroy();
      const answers = answersIn(
        received,
        messages.map(({ method }) => method),
      );
      for (const answer of answers) check(answer);
      for (const { status } of answers) statuses.add(status);
      expect(answers.length).toBeGreaterThan(0);
      // All of them and the last one, or those up to the one that made the server close the connection.
      const final = answers.at(-1);
      if (answers.length <= messages.length) expect(final?.head.toLowerCase()).toContain("connection: close");
      else expect(final?.status).toBe(200);
      expect(stored() - before).toBeLessThanOrEqual(answers.filter(({ status }) => status < 300).length);
      if (messages.length === 1 && (answers[0]?.status ?? 0) >= 300) expect(stored()).toBe(before);
      expect((await add(host, "next")).status).toBe(200);
    }),
    runs(400),
  );
  for (const status of [200, 204, 400, 404, 405, 413, 415, 422]) expect(statuses).toContain(status);
  expect(complaints()).toEqual([]);
});

const broken: fc.Arbitrary<readonly Piece[]> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => [bytes]),
  // A bit is wrong, a part is missing, or something stands in between.
  fc
    .tuple(
      message,
      fc.nat(400),
      fc.nat(7),
      fc.nat(30),
      fc.constantFrom("", "\0", "\r", "\n", "\r\n\r\n", ":", " ", "\u{1f600}"),
    )
    .map(([message, at, bit, length, between]) => {
      const bytes = Buffer.from(encode(message));
      const i = at % bytes.length;
      if (between === "") bytes[i] = (bytes[i] ?? 0) ^ (1 << bit);
      return between === ""
        ? [bytes]
        : [bytes.subarray(0, i), between, bytes.subarray(Math.min(i + length, bytes.length))];
    }),
  // The request line.
  fc
    .tuple(
      fc.constantFrom("GET", "get", "G\0T", "", "CONNECT", "PRI", "POST POST", "\u00e9", "X".repeat(5_000)),
      fc.constantFrom(" ", "  ", "\t", ""),
      fc.oneof(
        fc.constantFrom("*", "/", "x:443", "http://[::1", "http://a:b@c/", "/\0", "\\", "/?\u00e9"),
        hostileText,
      ),
      fc.constantFrom(" HTTP/1.1", " HTTP/1.0", " HTTP/2.0", " HTTP/0.9", "", " http/1.1", " HTTP/1.1 ", " ICE/1.0"),
      fc.constantFrom("\r\n", "\n", "\r", "\r\n ", ""),
    )
    .map(([method, space, target, version, end]) => [`${method}${space}${target}${version}${end}Host: x\r\n\r\n`]),
  // How long the body is.
  fc
    .tuple(
      fc.constantFrom(
        ...[
          [
            "Content-Length: -1",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length: 5\r\nContent-Length: 6",
          ],
          ["Content-Length: 99999999999999999999", "Content-Length: 0x5", "Content-Length:", "Transfer-Encoding: gzip"],
          ["Transfer-Encoding: chunked, chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked"],
          [
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Transfer-Encoding: identity",
            "Transfer-Encoding:\tchunked",
          ],
        ].flat(),
      ),
      fc.constantFrom(
        "",
        '{"value":1}',
        "0\r\n\r\n",
        "zz\r\n",
        "-1\r\n",
        "ffffffffffffffff\r\n",
        "5\r\nabc",
        "1\r\na1\r\n",
        "b;\0\r\n",
      ),
    )
    .map(([length, body]) => [
      `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n${body}`,
    ]),
  // The headers.
  fc
    .tuple(
      fc.constantFrom(
        "A b: c",
        ": c",
        "A",
        "A:b\0c",
        "A: \r",
        " A: b",
        "A\u00e9: b",
        "Host: y",
        "Host: a b",
        "Host:",
        "A: b\n c",
      ),
      fc.constantFrom("", "Expect: 100-continue\r\n", "Expect: x\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    )
    .map(([line, more]) => [`GET /healthz HTTP/1.1\r\nHost: x\r\n${more}${line}\r\n\r\n`]),
  fc.constantFrom(2_100, 20_000).map((count) => [`GET / HTTP/1.1\r\nHost: x\r\n${"a:\r\n".repeat(count)}\r\n`]),
);

test("whatever bytes come: no 500, no word of the inside, nobody complains, and the next request is answered", async () => {
  const { host, complaints } = await counting();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(broken, async (pieces) => {
      const connection = await raw(host);
      connection.write(bytesOf(pieces));
      // The server may wait for more; then this is all.
      const answered = connection.until(/\r\n\r\n/).catch(() => "");
      await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 5))]);
      connection.socket.end();
      const received = await connection.end();
      connection.socket.destroy();
      if (received !== "") {
        expect(received).toMatch(/^HTTP\/1\.1 \d/);
        expect(received).not.toMatch(/HTTP\/1\.1 500/);
        expect(received).not.toMatch(/\n\s+at |node_modules|node:internal|\/work\/|file:\/\//);
      }
      if (received.startsWith("HTTP/1.1 4")) {
        refused++;
        expect(received).toContain("application/problem+json");
      }
      expect((await add(host, "next")).status).toBe(200);
    }),
    runs(300),
  );
  expect(refused).toBeGreaterThan(100);
  expect(complaints()).toEqual([]);
});

test("a body that is cut short stores nothing, wherever it is cut", async () => {
  const { host, complaints, stored } = await counting();
  const framing = fc.constantFrom("length", "chunks");
  await fc.assert(
    fc.asyncProperty(framing, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (framing, missing, abrupt) => {
      const before = stored();
      const head = "/api/counter/c1/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
      const body = Buffer.from('{"value":1}');
      const bytes = encode({ method: "POST", head, body, framing, chunks: [3, 4] });
      const connection = await raw(host);
      connection.write(bytes.subarray(0, bytes.length - missing));
      if (abrupt) connection.socket.resetAndDestroy();
      else connection.socket.end();
      for (const { status } of answersIn(await connection.end(), [])) expect(status).toBe(400);
      connection.socket.destroy();
      expect((await add(host, "next")).status).toBe(200);
      expect(stored()).toBe(before + 1);
    }),
    runs(80),
  );
  expect(complaints()).toEqual([]);
});

test("a request that is no HTTP takes nothing from the command before it, which is answered first", async () => {
  const { host, stored } = await counting();
  const head = "/api/counter/c1/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const body = Buffer.from('{"value":1}');
  const connection = await raw(host);
  connection.write(
    bytesOf([
      encode({ method: "POST", head, body, framing: "length", chunks: [] }),
      "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n",
    ]),
  );
  const answers = answersIn(await connection.end(), []);
  expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  expect(stored()).toBe(1);
});
