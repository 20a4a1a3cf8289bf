import { expect, test } from "vitest";
import { createFixture, problemOf, refused } from "./fixtures.ts";

const put = (value: number, headers: Record<string, string> = {}) => ({ json: { value }, headers });

test("a reply is 200 with JSON and the version as ETag", async () => {
  const { send } = createFixture();
  const response = await send("POST", "/api/box/b1/put", put(3));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("etag")).toBe('"1"');
  expect(response.headers.get("idempotency-replayed")).toBeNull();
  expect(await response.json()).toEqual({ was: 0 });
});

test("a command without a reply is 204 without a body; a null is a reply", async () => {
  const { send } = createFixture();
  const quiet = await send("POST", "/api/box/b1/quiet", put(3));
  expect([quiet.status, await quiet.text(), quiet.headers.get("etag")]).toEqual([204, "", '"1"']);
  const nothing = await send("POST", "/api/box/b1/nothing");
  expect([nothing.status, nothing.headers.get("etag")]).toEqual([204, '"1"']);
  const nil = await send("POST", "/api/box/b1/nil");
  expect([nil.status, await nil.text()]).toEqual([200, "null"]);
});

test("nothing may be stored on the way, nor be taken for another type", async () => {
  const { send } = createFixture();
  for (const response of [
    await send("POST", "/api/box/b1/ping"),
    await send("GET", "/api/box/b1"),
    await send("GET", "/"),
  ]) {
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("a rejection is 409 with its own code, its text, the version and rejected: true; nothing is stored", async () => {
  const fixture = createFixture();
  await fixture.send("POST", "/api/box/b1/put", put(3));
  const problem = await refused(fixture, ["POST", "/api/box/b1/refuse"], [409, "too-full"]);
  expect(problem).toMatchObject({
    title: "Conflict",
    detail: "There are 3 already.",
    rejected: true,
    version: 1,
  });
  const response = await fixture.send("POST", "/api/box/b1/refuse");
  expect(response.headers.get("etag")).toBe('"1"');
});

test("a rejection may choose another 4xx", async () => {
  const problem = await refused(createFixture(), ["POST", "/api/box/b1/brew"], [418, "no-coffee"]);
  expect(problem.rejected).toBe(true);
});

test("a replay is the stored answer again, and says so", async () => {
  const fixture = createFixture();
  const headers = { "idempotency-key": "k1" };
  await fixture.send("POST", "/api/box/b1/put", put(3, headers));
  await fixture.send("POST", "/api/box/b1/put", put(4));
  const before = await fixture.stored();
  const replay = await fixture.send("POST", "/api/box/b1/put", put(3, headers));
  expect(await fixture.stored()).toBe(before);
  expect([replay.status, await replay.json()]).toEqual([200, { was: 0 }]);
  expect(replay.headers.get("etag")).toBe('"1"');
  expect(replay.headers.get("idempotency-replayed")).toBe("true");
});

test("a replay of a command without a reply is 204 and says so", async () => {
  const { send } = createFixture();
  const headers = { "idempotency-key": "k1" };
  await send("POST", "/api/box/b1/quiet", put(3, headers));
  const replay = await send("POST", "/api/box/b1/quiet", put(3, headers));
  expect([replay.status, replay.headers.get("idempotency-replayed")]).toEqual([204, "true"]);
});

test("a remembered rejection is replayed, and says so, even where the command would be accepted by now", async () => {
  const { send } = createFixture();
  const headers = { "idempotency-key": "k1" };
  const first = await send("POST", "/api/box/b1/refuseOnce", put(1, headers));
  expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([409, null]);
  await send("POST", "/api/box/b1/put", put(10));
  const replay = await send("POST", "/api/box/b1/refuseOnce", put(1, headers));
  expect(replay.headers.get("idempotency-replayed")).toBe("true");
  expect(await problemOf(replay)).toMatchObject({ status: 409, code: "too-low", rejected: true });
});

test("a key may be bare or quoted: the same key", async () => {
  const { send } = createFixture();
  await send("POST", "/api/box/b1/put", put(3, { "idempotency-key": "order-314" }));
  const quoted = await send("POST", "/api/box/b1/put", put(3, { "idempotency-key": '"order-314"' }));
  expect(quoted.headers.get("idempotency-replayed")).toBe("true");
  await send("POST", "/api/box/b1/put", put(3, { "idempotency-key": 'a"b\\c' }));
  const escaped = await send("POST", "/api/box/b1/put", put(3, { "idempotency-key": '"a\\"b\\\\c"' }));
  expect(escaped.headers.get("idempotency-replayed")).toBe("true");
});

test("a quoted key may hold commas", async () => {
  const { send } = createFixture();
  const request = put(3, { "idempotency-key": '"a, b"' });
  expect((await send("POST", "/api/box/b1/put", request)).status).toBe(200);
  expect((await send("POST", "/api/box/b1/put", request)).headers.get("idempotency-replayed")).toBe("true");
});

test("payloads that differ in key order and white space only are equal", async () => {
  const { send } = createFixture();
  const headers = { "content-type": "application/json", "idempotency-key": "k1" };
  await send("POST", "/api/box/b1/any", { headers: { ...headers, "idempotency-key": "x" }, body: "1" });
  await send("POST", "/api/box/b1/put", { headers, body: '{"value":3,"b":[1,2.0]}' });
  const again = await send("POST", "/api/box/b1/put", { headers, body: ' { "b" : [1, 2],\n"value":3.0}' });
  expect(again.headers.get("idempotency-replayed")).toBe("true");
});

test.each([
  ["empty", ""],
  ["over 255 characters", "k".repeat(256)],
  ["not printable", "a\tb"],
  ["not ASCII", "schl\u00fcssel"],
  ["a quote that is never closed", '"abc'],
  ["text behind the closing quote", '"abc"d'],
  ["an empty string in quotes", '""'],
  ["a bad escape", '"a\\b"'],
  ["blanks inside the quotes' ends", '" a "'],
  ["one of two, as hosts join them", "a, b"],
  ["one of two, as other hosts join them", "a,b"],
  ["one of two in quotes", '"a", "b"'],
  ["born in the future", "hf1.999999999999999.x"],
])("a key that is %s is refused: invalid-idempotency-key", async (_what, key) => {
  const request = ["POST", "/api/box/b1/put", put(3, { "idempotency-key": key })] as const;
  await refused(createFixture(), request, [400, "invalid-idempotency-key"]);
});

test("a key of 255 characters is fine", async () => {
  const { send } = createFixture();
  const response = await send("POST", "/api/box/b1/put", put(3, { "idempotency-key": "k".repeat(255) }));
  expect(response.status).toBe(200);
});

test("the same key with another payload, or for another command: idempotency-key-reused", async () => {
  const fixture = createFixture();
  const headers = { "idempotency-key": "k1" };
  await fixture.send("POST", "/api/box/b1/put", put(3, headers));
  await refused(fixture, ["POST", "/api/box/b1/put", put(4, headers)], [422, "idempotency-key-reused"]);
  await refused(fixture, ["POST", "/api/box/b1/quiet", put(3, headers)], [422, "idempotency-key-reused"]);
  const elsewhere = await fixture.send("POST", "/api/box/b2/put", put(4, headers));
  expect([elsewhere.status, elsewhere.headers.get("idempotency-replayed")]).toEqual([200, null]);
});

test("a key in our own form that is older than what is remembered: idempotency-key-expired", async () => {
  const fixture = createFixture({ limits: { keys: { foreignMs: 1_000, derivedMs: 1_000, keysMax: 32 } } });
  const old = `hf1.${fixture.system.now()}.old`;
  for (let i = 0; i < 250; i++) {
    await fixture.system.clock.advance(100);
    await fixture.send("POST", "/api/box/b1/put", put(i, { "idempotency-key": `k${i}` }));
  }
  const fresh = createFixture({ journal: () => fixture.journal });
  const response = await fresh.send("POST", "/api/box/b1/put", put(1, { "idempotency-key": old }));
  expect((await problemOf(response)).code).toBe("idempotency-key-expired");
  expect(response.status).toBe(422);
});

test("what the schema refuses is 422 with the paths", async () => {
  const problem = await refused(
    createFixture(),
    ["POST", "/api/box/b1/put", { json: { value: "3" } }],
    [422, "validation-failed"],
  );
  expect(problem.errors).toEqual([{ message: expect.stringContaining("number"), path: ["value"] }]);
  expect(problem.detail).toContain("box.put");
});

test("unknown fields are the schema's affair: plain objects drop them, strict ones refuse", async () => {
  const fixture = createFixture();
  const extra = { json: { value: 1, extra: true } };
  expect((await fixture.send("POST", "/api/box/b1/put", extra)).status).toBe(200);
  await refused(fixture, ["POST", "/api/box/b1/strict", extra], [422, "validation-failed"]);
});

test("of many paths the first hundred are told", async () => {
  const fixture = createFixture();
  const keys = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, 1]));
  const problem = await refused(fixture, ["POST", "/api/box/b1/strict", { json: keys }], [422, "validation-failed"]);
  expect(problem.errors?.length).toBeLessThanOrEqual(100);
});

test.each([
  ["throws", "fail"],
  ["returns a promise", "promise"],
  ["returns a promise that fails", "asyncFail"],
  ["returns nonsense", "nonsense"],
])("a decide that %s is 500 internal, without detail; the cause is in the log", async (_what, command) => {
  const fixture = createFixture();
  const problem = await refused(fixture, ["POST", `/api/box/b1/${command}`], [500, "internal"]);
  expect(problem).not.toHaveProperty("detail");
  expect(JSON.stringify(problem)).not.toContain("1234");
  const line = fixture.log.find(({ level }) => level === "error");
  expect(line?.fields).toMatchObject({ entity: "box", id: "b1", command, correlation: problem.instance });
  expect(line?.fields["error"]).toMatchObject({ cause: expect.any(Error) });
});

test("what is too large to be stored is 413 and says what", async () => {
  const fixture = createFixture();
  const note = (chars: number, times: number) => ({ json: { chars, times } });
  await refused(fixture, ["POST", "/api/box/b1/note", note(130 * 1024, 1)], [413, "event-too-large"]);
  await refused(fixture, ["POST", "/api/box/b1/note", note(70 * 1024, 3)], [413, "record-too-large"]);
  for (let i = 0; i < 8; i++) expect((await fixture.send("POST", "/api/pile/p/grow")).status).toBe(204);
  await refused(fixture, ["POST", "/api/pile/p/grow"], [413, "entity-too-large"]);
});

test("too many timers are 422", async () => {
  const request = ["POST", "/api/box/b1/remind", { json: { timers: 1_001 } }] as const;
  await refused(createFixture(), request, [422, "too-many-timers"]);
});

test("a command that may not begin a stream is 404 not-found where there is none", async () => {
  const fixture = createFixture();
  const headers = { authorization: "Bearer alice" };
  await refused(fixture, ["POST", "/api/vault/v1/lock", { json: { value: 1 }, headers }], [404, "not-found"]);
  expect((await fixture.send("POST", "/api/vault/v1/open", { headers })).status).toBe(204);
  expect((await fixture.send("POST", "/api/vault/v1/lock", { json: { value: 1 }, headers })).status).toBe(204);
});

test("what was erased is 410, for commands, views and events", async () => {
  const fixture = createFixture();
  await fixture.send("POST", "/api/box/b1/put", put(3));
  await fixture.runtime.erase({
    entity: "box",
    id: "b1",
    principal: { kind: "system", id: "system", tenant: "default", claims: {} },
  });
  await refused(fixture, ["POST", "/api/box/b1/put", put(4)], [410, "erased"]);
  await refused(fixture, ["GET", "/api/box/b1"], [410, "erased"]);
  await refused(fixture, ["GET", "/api/box/b1/events"], [410, "erased"]);
});
