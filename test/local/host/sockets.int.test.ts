import { once } from "node:events";
import { expect, test } from "vitest";
import { add, parse, post, raw, start, total, type Started } from "./fixtures.ts";

const addTo = (id: string, value = 1): string => post(`/api/counter/${id}/add`, { value });
const json = "Content-Type: application/json\r\n";

/** The answer to something that is no good; afterwards the host still works, nothing is stored, nobody complains. */
async function answered({ host, complaints }: Started, text: string | Uint8Array): Promise<[number, string]> {
  const connection = await raw(host);
  connection.write(text);
  const { status, head, body } = parse(await connection.end());
  expect(head.toLowerCase()).toContain("content-type: application/problem+json");
  expect(head.toLowerCase()).toContain("x-correlation-id: ");
  const { code } = JSON.parse(body) as { code: string };
  expect(await total(host, "c1")).toBe(0);
  expect((await add(host, "next")).status).toBe(200);
  expect(complaints()).toEqual([]);
  return [status, code];
}

test.each<readonly [string, string | Uint8Array, number, string]>([
  ["no HTTP", "hello\r\n\r\n", 400, "malformed-request"],
  ["TLS", new Uint8Array([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), 400, "malformed-request"],
  ["a NUL in the request line", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request"],
  ["a blank in the request line", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request"],
  ["an unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request"],
  ["a method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request"],
  ["HTTP/9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "malformed-request"],
  ["raw UTF-8 in the target", Buffer.from("GET /\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n"), 400, "malformed-request"],
  ["a header without a colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400, "malformed-request"],
  ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400, "malformed-request"],
  ["a folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400, "malformed-request"],
  [
    "two lengths",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 11\r\nContent-Length: 12\r\n\r\n{"value":1}`,
    400,
    "malformed-request",
  ],
  [
    "a length and chunks: smuggling",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    "malformed-request",
  ],
  [
    "a broken chunk",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n{"value":1}\r\n0\r\n\r\n`,
    400,
    "malformed-request",
  ],
  ["an Expect of something else", "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417, "expectation-failed"],
  [
    "a body that is expected to be too long",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n`,
    413,
    "payload-too-large",
  ],
  [
    "a body that is announced to a command that does not exist",
    `POST /api/counter/c1/nope HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
    404,
    "unknown-command",
  ],
  ["17 KB of headers", `GET / HTTP/1.1\r\nHost: x\r\nA: ${"x".repeat(17_000)}\r\n\r\n`, 431, "headers-too-large"],
  ["a request line of 17 KB", `GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "headers-too-large"],
])("%s is answered with a problem and the connection closed", async (_what, text, status, code) => {
  expect(await answered(await start(), text)).toEqual([status, code]);
});

test.each<readonly [string, string, number, string]>([
  ["no Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "malformed-request"],
  [
    "no Host beside a target in absolute form",
    "GET http://x/healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    400,
    "malformed-request",
  ],
  [
    "a compressed transfer",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\nb\r\n{"value":1}\r\n0\r\n\r\n`,
    415,
    "unsupported-media-type",
  ],
  [
    "two keys",
    post("/api/counter/c1/add", { value: 1 }, "Connection: close\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n"),
    400,
    "invalid-idempotency-key",
  ],
  [
    "two quoted keys",
    post("/api/counter/c1/add", { value: 1 }, 'Connection: close\r\nIdempotency-Key: "a"\r\nIdempotency-Key: "a"\r\n'),
    400,
    "invalid-idempotency-key",
  ],
  [
    "two If-Match",
    post("/api/counter/c1/add", { value: 1 }, 'Connection: close\r\nIf-Match: "0"\r\nIf-Match: "0"\r\n'),
    400,
    "invalid-if-match",
  ],
  ["a broken Host", "GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400, "malformed-request"],
  ["a path in the Host", "GET /healthz HTTP/1.1\r\nHost: x/y?z\r\nConnection: close\r\n\r\n", 400, "malformed-request"],
  ["the target *", "OPTIONS * HTTP/1.1\r\nHost: x:8080\r\nConnection: close\r\n\r\n", 400, "malformed-request"],
  [
    "a raw backslash",
    "GET /api/counter/a\\b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    400,
    "malformed-request",
  ],
  ["encoded dots", "GET /api/counter/%2e%2e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "invalid-id"],
  [
    "raw dots",
    "GET /api/counter/c1/../../../healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    404,
    "not-found",
  ],
  ["raw dots as the id", "GET /api/counter/.. HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "invalid-id"],
  ["an encoded slash", "GET /api/counter/a%2Fb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "invalid-id"],
  ["TRACE", "TRACE /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, "method-not-allowed"],
])("%s is refused as what it is, not as what it could be made into", async (_what, text, status, code) => {
  expect(await answered(await start(), Buffer.from(text, "latin1"))).toEqual([status, code]);
});

test("a target in absolute form works, and so does %25", async () => {
  const { host } = await start();
  const connection = await raw(host);
  connection.write(
    `POST http://shop.test/api/counter/100%25/add HTTP/1.1\r\nHost: shop.test\r\n${json}Content-Length: 11\r\nConnection: close\r\n\r\n{"value":4}`,
  );
  expect(parse(await connection.end())).toMatchObject({ status: 200, body: '{"total":4}' });
  expect(await total(host, "100%25")).toBe(4);
});

test("HTTP/1.0 need not name the host, and is not told to continue", async () => {
  const { host } = await start();
  const reading = await raw(host);
  reading.write("GET /healthz HTTP/1.0\r\n\r\n");
  expect(parse(await reading.end())).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  const writing = await raw(host);
  writing.write(
    `POST /api/counter/c1/add HTTP/1.0\r\n${json}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n{"value":1}`,
  );
  expect(parse(await writing.end())).toMatchObject({ status: 200, body: '{"total":1}' });
});

test("pipelined requests are answered in order", async () => {
  const { host } = await start();
  const connection = await raw(host);
  connection.write(
    addTo("c1", 1) + addTo("c1", 2) + "GET /api/counter/c1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  const text = await connection.end();
  expect(text.match(/HTTP\/1\.1 200/g)?.length).toBe(3);
  expect([...text.matchAll(/\{"total":(\d+)\}/g)].map(([, value]) => Number(value))).toEqual([1, 3, 3]);
});

test("pipelined requests behind a refused one, and behind nonsense, keep their answers apart", async () => {
  const { host } = await start();
  const connection = await raw(host);
  connection.write(post("/api/counter/c1/add", { value: "x" }) + addTo("c1", 2));
  expect(await connection.until(/total/)).toMatch(/^HTTP\/1\.1 422[^]*HTTP\/1\.1 200[^]*\{"total":2\}$/);
  connection.write("nonsense\r\n\r\n");
  expect(await connection.end()).toMatch(/malformed-request[^]*$/);
  expect(await total(host, "c1")).toBe(2);
});

test("behind nonsense nothing is read, however long the answer ahead of it takes", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { host } = await start({ services: { slow: () => promise } });
  const connection = await raw(host);
  connection.write(post("/api/counter/c1/slow", {}));
  const chunk = Buffer.alloc(1024 * 1024, "nonsense");
  let gone = 0;
  for (let i = 0; i < 64; i++) connection.socket.write(chunk, (error) => (error ? 0 : gone++));
  // Turns in which the host could read all of it.
  for (let i = 0; i < 300 && gone < 64; i++) await add(host, "c2");
  expect(gone).toBeLessThan(64);
  resolve();
  const text = await connection.end();
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 204", "HTTP/1.1 400"]);
});

test("nonsense is answered behind answers that the client has yet to read", async () => {
  const { host } = await start();
  await Promise.all(Array.from({ length: 1_000 }, () => add(host, "c1")));
  const connection = await raw(host);
  connection.socket.pause();
  const get = "GET /api/counter/c1/events?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n";
  connection.write(get.repeat(60) + addTo("c2", 5) + "nonsense\r\n\r\n");
  while ((await total(host, "c2")) === 0) await add(host, "c3");
  connection.socket.resume();
  const statuses = (await connection.end()).match(/HTTP\/1\.1 \d+/g) ?? [];
  expect(statuses.slice(-2)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
  expect(statuses).toHaveLength(62);
});

test("a hundred requests may be sent ahead, more may not", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { host } = await start({ services: { slow: () => promise } });
  const get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const patient = await raw(host);
  patient.write(post("/api/counter/c1/slow", {}) + get.repeat(99));
  const greedy = await raw(host);
  greedy.write(post("/api/counter/c2/slow", {}) + get.repeat(2_000));
  expect(await greedy.end()).toBe("");
  resolve();
  await patient.until(/HTTP\/1\.1 200 OK/, 99);
});

const slow = { headersTimeoutMs: 200, receiveTimeoutMs: 400, checkIntervalMs: 20 };

test.each([
  ["never says anything", ""],
  ["never ends its request line", "GET /heal"],
  ["never ends its headers", "GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n"],
  ["never ends its body", `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 11\r\n\r\n{"val`],
  [
    "never ends its chunks",
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Transfer-Encoding: chunked\r\n\r\n5\r\n{"val\r\n`,
  ],
])("a client that %s gets 408 and is cut off", async (_what, text) => {
  expect(await answered(await start({ server: slow }), text)).toEqual([408, "request-timeout"]);
});

test("a client that drips headers is cut off too, others are served meanwhile", async () => {
  const { host, complaints } = await start({ server: slow });
  const connections = await Promise.all(Array.from({ length: 50 }, () => raw(host)));
  for (const connection of connections) connection.write("GET /healthz HTTP/1.1\r\n");
  const drip = setInterval(() => {
    for (const { socket } of connections) if (socket.writable) socket.write("A: b\r\n");
  }, 20);
  try {
    expect((await add(host, "c1")).status).toBe(200);
    for (const connection of connections) expect(parse(await connection.end()).status).toBe(408);
  } finally {
    clearInterval(drip);
  }
  expect((await add(host, "c1")).status).toBe(200);
  expect(complaints()).toEqual([]);
});

test("an upload that the client aborts stores nothing and is no error", async () => {
  const { host, log, complaints } = await start();
  for (const text of ['{"val', '{"value":1}']) {
    const connection = await raw(host);
    connection.write(`POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 50\r\n\r\n${text}`);
    // In another round trip, so that the host has begun to read.
    expect((await add(host, "next")).status).toBe(200);
    connection.socket.resetAndDestroy();
  }
  // The host notices in its own time; a request behind is served in any case.
  for (let i = 0; i < 20 && log.filter(({ fields }) => fields["code"] === "request-aborted").length < 2; i++) {
    expect((await add(host, "next")).status).toBe(200);
  }
  expect(await total(host, "c1")).toBe(0);
  expect(complaints()).toEqual([]);
});

test("a body that is too long is refused before it has arrived; the next request works", async () => {
  const started = await start({ http: { bodyBytesMax: 1_000 } });
  const { host, complaints } = started;
  for (const framing of ["Content-Length: 100000000", "Transfer-Encoding: chunked"]) {
    const connection = await raw(host);
    connection.write(`POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}${framing}\r\n\r\n`);
    const chunk = framing.startsWith("T") ? `3e8\r\n${" ".repeat(1_000)}\r\n` : " ".repeat(1_000);
    connection.write(chunk + chunk);
    const answer = await connection.until(/\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 413[^]*"payload-too-large"/);
    // Who goes on sending is cut off.
    connection.socket.destroy();
  }
  expect((await add(host, "c1")).status).toBe(200);
  expect(complaints()).toEqual([]);
});

test("a refused upload that is sent to its end leaves the connection usable", async () => {
  const { host } = await start({ http: { bodyBytesMax: 1_000 } });
  const connection = await raw(host);
  connection.write(post("/api/counter/c1/any", "x".repeat(5_000)) + addTo("c1", 5));
  expect(await connection.until(/total/)).toMatch(/^HTTP\/1\.1 413[^]*HTTP\/1\.1 200[^]*\{"total":5\}$/);
});

test("Expect: 100-continue is answered, and the connection goes on", async () => {
  const { host } = await start();
  const connection = await raw(host);
  connection.write(
    `POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n`,
  );
  await connection.until(/^HTTP\/1\.1 100/);
  connection.write('{"value":1}');
  await connection.until(/\{"total":1\}$/);
  connection.write(addTo("c1"));
  await connection.until(/\{"total":2\}$/);
});

test("connections past the bound are closed; room comes back", async () => {
  const { host } = await start({ server: { connectionsMax: 5 } });
  const connections = [];
  for (let i = 0; i < 5; i++) {
    const connection = await raw(host);
    connection.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.until(/ok/);
    connections.push(connection);
  }
  const sixth = await raw(host);
  expect(await sixth.end()).toBe("");
  connections[0]?.socket.destroy();
  await once(connections[0]?.socket ?? sixth.socket, "close");
  for (;;) {
    const next = await raw(host);
    next.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if ((await next.end()).includes("200 OK")) break;
  }
});
