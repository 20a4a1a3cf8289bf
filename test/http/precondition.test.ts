import { expect, test } from "vitest";
import { createFixture, refused } from "./fixtures.ts";

const put = (value: number, headers: Record<string, string> = {}) => ({ json: { value }, headers });

test("If-Match runs a command only at that version", async () => {
  const fixture = createFixture();
  expect((await fixture.send("POST", "/api/box/b1/put", put(1, { "if-match": '"0"' }))).status).toBe(200);
  expect((await fixture.send("POST", "/api/box/b1/put", put(2, { "if-match": '"1"' }))).status).toBe(200);
  const stale = put(3, { "if-match": '"1"' });
  const problem = await refused(fixture, ["POST", "/api/box/b1/put", stale], [412, "version-mismatch"]);
  expect(problem.detail).toContain("version 2");
  await refused(fixture, ["POST", "/api/box/b2/put", put(3, { "if-match": '"1"' })], [412, "version-mismatch"]);
});

test("If-Match: * wants an entity that exists", async () => {
  const fixture = createFixture();
  const any = put(1, { "if-match": "*" });
  await refused(fixture, ["POST", "/api/box/b1/put", any], [412, "version-mismatch"]);
  await fixture.send("POST", "/api/box/b1/put", put(1));
  expect((await fixture.send("POST", "/api/box/b1/put", any)).status).toBe(200);
});

test.each([
  ["bare", "3"],
  ["weak", 'W/"3"'],
  ["a list", '"3", "4"'],
  ["empty", ""],
  ["no number", '"abc"'],
  ["negative", '"-1"'],
  ["with leading zeros", '"03"'],
  ["past 2^53", '"9007199254740993"'],
  ["half open", '"3'],
])("an If-Match that is %s is refused: invalid-if-match", async (_what, text) => {
  await refused(createFixture(), ["POST", "/api/box/b1/put", put(1, { "if-match": text })], [400, "invalid-if-match"]);
});

test("If-None-Match on a command is refused, not ignored", async () => {
  const request = ["POST", "/api/box/b1/put", put(1, { "if-none-match": "*" })] as const;
  await refused(createFixture(), request, [400, "invalid-if-match"]);
});

test("a replay is answered although its If-Match is stale by now", async () => {
  const { send } = createFixture();
  const request = put(1, { "if-match": '"0"', "idempotency-key": "k1" });
  await send("POST", "/api/box/b1/put", request);
  const replay = await send("POST", "/api/box/b1/put", request);
  expect([replay.status, replay.headers.get("idempotency-replayed")]).toEqual([200, "true"]);
});

test("the order of checks: names, method, id, who, media type, JSON, key, If-Match syntax, reuse, schema, version", async () => {
  const fixture = createFixture();
  await fixture.send("POST", "/api/box/b1/put", put(1, { "idempotency-key": "used" }));
  const bad: Record<string, string> = {
    authorization: "Bearer expired",
    "content-type": "text/plain",
    "idempotency-key": '"',
    "if-match": "3",
  };
  const expectNext = async (method: string, path: string, body: string, expected: readonly [number, string]) => {
    await refused(fixture, [method, path, { headers: bad, body }], expected);
  };
  await expectNext("POST", "/api/nope/%2F/put", "{", [404, "unknown-entity"]);
  await expectNext("POST", "/api/box/%2F/nope", "{", [404, "unknown-command"]);
  await expectNext("PUT", "/api/box/%2F/put", "{", [405, "method-not-allowed"]);
  await expectNext("POST", "/api/box/%2F/put", "{", [400, "invalid-id"]);
  await expectNext("POST", "/api/box/b1/put", "{", [401, "unauthenticated"]);
  delete bad["authorization"];
  await expectNext("POST", "/api/box/b1/put", "{", [415, "unsupported-media-type"]);
  bad["content-type"] = "application/json";
  await expectNext("POST", "/api/box/b1/put", "{", [400, "malformed-json"]);
  await expectNext("POST", "/api/box/b1/put", '{"value":"x"}', [400, "invalid-idempotency-key"]);
  bad["idempotency-key"] = "used";
  await expectNext("POST", "/api/box/b1/put", '{"value":"x"}', [400, "invalid-if-match"]);
  bad["if-match"] = '"9"';
  await expectNext("POST", "/api/box/b1/put", '{"value":"x"}', [422, "idempotency-key-reused"]);
  bad["idempotency-key"] = "fresh";
  await expectNext("POST", "/api/box/b1/put", '{"value":"x"}', [422, "validation-failed"]);
  await expectNext("POST", "/api/box/b1/put", '{"value":2}', [412, "version-mismatch"]);
  delete bad["if-match"];
  expect((await fixture.send("POST", "/api/box/b1/put", { headers: bad, body: '{"value":2}' })).status).toBe(200);
});
