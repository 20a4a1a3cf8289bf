import { HoldfastError, type Journal } from "holdfast";
import { createHttp } from "holdfast/http";
import { expect, test } from "vitest";
import { createFixture, problemOf, refused, type Fixture } from "./fixtures.ts";

/** A fixture whose journal fails every load with that error. */
function failing(error: () => unknown): Fixture {
  return createFixture({
    journal: (inner: Journal) => ({ ...inner, load: () => Promise.reject(error()) }),
  });
}

test.each<readonly [string, HoldfastError, number, string, string | null]>([
  ["busy", new HoldfastError("overloaded", "Locked.", { retry: "later", retryAfterMs: 1_200 }), 503, "overloaded", "2"],
  ["busy, without a time", new HoldfastError("overloaded", "Locked.", { retry: "later" }), 503, "overloaded", "1"],
  [
    "busy for a moment",
    new HoldfastError("overloaded", "", { retry: "later", retryAfterMs: 1 }),
    503,
    "overloaded",
    "1",
  ],
  [
    "full",
    new HoldfastError("journal-full", "SECRET", { retry: "later", retryAfterMs: 5_000 }),
    503,
    "journal-full",
    "5",
  ],
  ["corrupt", new HoldfastError("journal-corrupt", "SECRET"), 500, "journal-corrupt", null],
  ["throttled", new HoldfastError("throttled", "SECRET", { retry: "later" }), 503, "unavailable", "1"],
  ["denied", new HoldfastError("access-denied", "SECRET"), 500, "internal", null],
])("a store that is %s shows as what the caller can act on", async (_what, error, status, code, retryAfter) => {
  const fixture = failing(() => error);
  const response = await fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } });
  expect([response.status, response.headers.get("retry-after")]).toEqual([status, retryAfter]);
  const problem = await problemOf(response);
  expect(problem.code).toBe(code);
  expect(JSON.stringify(problem)).not.toContain("SECRET");
  const logged = fixture.log.filter(({ level }) => level === "error");
  expect(logged.length).toBe(code === "overloaded" ? 0 : 1);
});

test("an unknown error is 500 with a correlation id and no detail; the log has all of it", async () => {
  const cause = new TypeError("x is not a function at 10.0.0.1");
  const fixture = failing(() => cause);
  const response = await fixture.send("GET", "/api/box/b1", { headers: { "x-correlation-id": "c1" } });
  expect(await response.json()).toEqual({
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    code: "internal",
    instance: "c1",
  });
  expect(fixture.log.find(({ level }) => level === "error")?.fields).toMatchObject({
    correlation: "c1",
    entity: "box",
    id: "b1",
    error: cause,
  });
});

test("what is thrown and is no Error is 500 too", async () => {
  const fixture = failing(() => "just a text");
  expect((await problemOf(await fixture.send("GET", "/api/box/b1"))).code).toBe("internal");
});

test("an append whose outcome is unknown is 503 outcome-unknown with Retry-After", async () => {
  const fixture = createFixture({
    limits: { settleMs: 1 },
    journal: (inner) => ({ ...inner, append: async () => "unknown" as const }),
  });
  const answer = fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } });
  await fixture.system.clock.advance(5_000);
  const response = await answer;
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  expect((await problemOf(response)).code).toBe("outcome-unknown");
});

test("events of newer code are 503 unknown-event", async () => {
  const fixture = createFixture();
  await fixture.journal.append({
    stream: { tenant: "default", entity: "box", id: "b1" },
    record: {
      sequence: 1,
      id: "e1",
      previous: "",
      time: 1,
      version: 1,
      entries: JSON.stringify([{ id: "e1", command: "put", events: [{ type: "painted", data: {} }] }]),
    },
  });
  const response = await fixture.send("GET", "/api/box/b1");
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect((await problemOf(response)).code).toBe("unknown-event");
});

test("a deadline that has passed before the append: deadline-exceeded, nothing stored", async () => {
  const { promise, resolve: release } = Promise.withResolvers<number>();
  const slow = () => promise;
  const fixture = createFixture({ slow, http: { requestTimeoutMs: 1_000 } });
  const answer = fixture.send("POST", "/api/box/b1/slow");
  await fixture.system.clock.advance(1_050);
  release(1);
  const response = await answer;
  expect([response.status, (await problemOf(response)).code]).toEqual([503, "deadline-exceeded"]);
  expect(await fixture.stored()).toBe("[]");
});

test("a prepare that hangs does not hang the caller: 503, and nothing is stored even if it ends later", async () => {
  const { promise, resolve: release } = Promise.withResolvers<number>();
  const slow = () => promise;
  const fixture = createFixture({ slow, http: { requestTimeoutMs: 1_000 } });
  const answer = fixture.send("POST", "/api/box/b1/slow");
  await fixture.system.clock.advance(1_200);
  const response = await answer;
  expect(response.status).toBe(503);
  expect((await problemOf(response)).code).toMatch(/^(outcome-unknown|deadline-exceeded)$/);
  release(1);
  await fixture.system.clock.advance(1_000);
  expect(await fixture.stored()).toBe("[]");
  expect((await fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } })).status).toBe(200);
});

test("a body that never ends is 408 request-timeout, and gives its place back", async () => {
  const fixture = createFixture({ http: { requestTimeoutMs: 1_000, bodiesBytesMax: 1_000 } });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(" ".repeat(500))),
  });
  const headers = { "content-type": "application/json" };
  const answer = fixture.send("POST", "/api/box/b1/put", { headers, body });
  await fixture.system.clock.advance(1_200);
  const response = await answer;
  expect([response.status, (await problemOf(response)).code]).toEqual([408, "request-timeout"]);
  const big = { headers, body: `{"value":1}`.padEnd(700) };
  expect((await fixture.send("POST", "/api/box/b1/put", big)).status).toBe(200);
});

test("a read that hangs is 503 deadline-exceeded", async () => {
  const fixture = createFixture({
    http: { requestTimeoutMs: 1_000 },
    journal: (inner) => ({ ...inner, load: () => new Promise(() => {}) }),
  });
  const answer = fixture.send("GET", "/api/box/b1");
  await fixture.system.clock.advance(1_200);
  expect((await problemOf(await answer)).code).toBe("deadline-exceeded");
});

test("one timer serves all deadlines, each at its own time", async () => {
  const slow = () => new Promise<number>(() => {});
  const fixture = createFixture({ slow, http: { requestTimeoutMs: 1_000 } });
  const answered: number[] = [];
  const from = fixture.system.now();
  const send = async (id: string) => {
    await fixture.send("POST", `/api/box/${id}/slow`);
    answered.push(fixture.system.now() - from);
  };
  const all = [send("b1")];
  await fixture.system.clock.advance(300);
  all.push(send("b2"));
  await fixture.system.clock.advance(300);
  all.push(send("b3"));
  await fixture.system.clock.advance(3_000);
  await Promise.all(all);
  expect(answered).toEqual([answered[0], (answered[0] ?? 0) + 300, (answered[0] ?? 0) + 600]);
});

test("requests past the bounds are 503 overloaded with Retry-After, and all is well afterwards", async () => {
  const releases: ((value: number) => void)[] = [];
  const slow = () => new Promise<number>((resolve) => void releases.push(resolve));
  const fixture = createFixture({ slow, limits: { requestsMax: 3 } });
  const running = ["b1", "b2", "b3"].map((id) => fixture.send("POST", `/api/box/${id}/slow`));
  await fixture.system.clock.advance(0);
  const response = await fixture.send("POST", "/api/box/b4/put", { json: { value: 1 } });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  expect((await problemOf(response)).code).toBe("overloaded");
  for (const release of releases) release(1);
  for (const answer of running) expect((await answer).status).toBe(204);
  expect((await fixture.send("POST", "/api/box/b4/put", { json: { value: 1 } })).status).toBe(200);
});

test("a runtime that is closed refuses with overloaded", async () => {
  const fixture = createFixture();
  await fixture.runtime.close();
  const response = await fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } });
  expect([response.status, (await problemOf(response)).code]).toEqual([503, "overloaded"]);
});

test.each<readonly [string, object]>([
  ["unknown", { bodyLimit: 1 }],
  ["zero", { bodyBytesMax: 0 }],
  ["not a number", { requestTimeoutMs: "30s" }],
  ["half a byte", { bodiesBytesMax: 0.5 }],
])("an option that is %s is refused", (_what, options) => {
  const { runtime } = createFixture();
  expect(() => createHttp(runtime, options)).toThrowError(expect.objectContaining({ code: "invalid-options" }));
});

test("a refusal after another: the layer keeps nothing of them", async () => {
  const fixture = createFixture({ http: { bodiesBytesMax: 2_000 } });
  for (let i = 0; i < 50; i++) {
    const headers = { "content-type": "application/json" };
    await refused(fixture, ["POST", "/api/box/b1/put", { headers, body: "[".repeat(900) }], [400, "malformed-json"]);
  }
});
