import { expect, test } from "vitest";
import { createFixture, problemOf, type Fixture } from "./fixtures.ts";

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

interface Entry {
  readonly correlation?: string;
  readonly trace?: string;
  readonly principal?: string;
}

async function storedWith(fixture: Fixture, headers: Record<string, string>): Promise<[Response, Entry]> {
  const response = await fixture.send("POST", "/api/box/b1/put", { json: { value: 1 }, headers });
  expect(response.status).toBe(200);
  const records = await fixture.journal.history(
    { tenant: "default", entity: "box", id: "b1" },
    { after: 0, limit: 100 },
  );
  const [entry] = JSON.parse(records.at(-1)?.entries ?? "[]") as Entry[];
  return [response, entry ?? {}];
}

test("the caller's correlation id and traceparent are stored with the command; the id comes back", async () => {
  const headers = { "x-correlation-id": "order 314/a", traceparent: trace, authorization: "Bearer alice" };
  const [response, entry] = await storedWith(createFixture(), headers);
  expect(response.headers.get("x-correlation-id")).toBe("order 314/a");
  expect(entry).toMatchObject({ correlation: "order 314/a", trace, principal: "alice" });
});

test("without a correlation id one is made, and stored with the command", async () => {
  const [response, entry] = await storedWith(createFixture(), {});
  const correlation = response.headers.get("x-correlation-id");
  expect(correlation).toMatch(/^[0-9a-v]{20}$/);
  expect(entry.correlation).toBe(correlation);
  expect(entry).not.toHaveProperty("trace");
});

test.each([
  ["empty", ""],
  ["over 128 characters", "x".repeat(129)],
  ["not ASCII", "\u00fc"],
  ["with a tab", "a\tb"],
])("a correlation id that is %s is ignored", async (_what, id) => {
  const [response] = await storedWith(createFixture(), { "x-correlation-id": id });
  expect(response.headers.get("x-correlation-id")).toMatch(/^[0-9a-v]{20}$/);
});

test("a correlation id of 128 characters is kept, whatever is printable", async () => {
  const id = `<"${"x".repeat(124)}">`;
  const { send } = createFixture();
  const response = await send("GET", "/nope", { headers: { "x-correlation-id": id } });
  expect((await problemOf(response)).instance).toBe(encodeURIComponent(id));
});

test.each([
  ["too short", trace.slice(0, -1)],
  ["too long for its version", `${trace}-00`],
  ["of the forbidden version", `ff${trace.slice(2)}`],
  ["in upper case", trace.toUpperCase()],
  ["without a trace", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
  ["without a parent", `00-4bf92f3577b34da6a3ce929d0e0e4736-${"0".repeat(16)}-01`],
  ["doubled", `${trace}, ${trace}`],
  ["empty", ""],
])("a traceparent that is %s is ignored", async (_what, traceparent) => {
  const [, entry] = await storedWith(createFixture(), { traceparent });
  expect(entry).not.toHaveProperty("trace");
});

test("a traceparent of a later version is understood as far as we know it", async () => {
  const [, entry] = await storedWith(createFixture(), { traceparent: `cc${trace.slice(2)}-what-the-future-brings` });
  expect(entry.trace).toBe(trace);
});

test("every request writes one line with ids, status and duration: debug, from 500 on info", async () => {
  const fixture = createFixture();
  await fixture.send("POST", "/api/box/b1/put", { json: { value: 1 }, headers: { "x-correlation-id": "c1" } });
  await fixture.send("POST", "/api/box/b1/refuse");
  await fixture.send("POST", "/api/box/b1/fail");
  await fixture.send("GET", "/api/box/b1");
  await fixture.send("GET", "/nope");
  const lines = fixture.log.filter(({ message }) => message === "request");
  expect(lines).toMatchObject([
    {
      level: "debug",
      fields: {
        correlation: "c1",
        method: "POST",
        route: "/api/{entity}/{id}/{command}",
        entity: "box",
        id: "b1",
        command: "put",
        status: 200,
        ms: 0,
      },
    },
    { level: "debug", fields: { status: 409, code: "too-full" } },
    { level: "info", fields: { status: 500, code: "internal" } },
    { level: "debug", fields: { route: "/api/{entity}/{id}", method: "GET", status: 200 } },
    { level: "debug", fields: { route: "*", status: 404 } },
  ]);
  expect(lines[4]?.fields).not.toHaveProperty("entity");
});

test("neither inputs nor keys nor tokens nor answers are logged", async () => {
  const fixture = createFixture();
  const headers = { authorization: "Bearer alice-token-77", "idempotency-key": "key-77" };
  await fixture.send("POST", "/api/box/b1/put", { json: { value: 123_454_321 }, headers });
  await fixture.send("POST", "/api/box/b1/put", { json: { value: 987_656_789 }, headers });
  await fixture.send("POST", "/api/box/b1/put", { json: { value: "secret-77" }, headers });
  await fixture.send("POST", "/api/box/b1/fail", { headers });
  const text = JSON.stringify(fixture.log);
  for (const secret of ["token-77", "key-77", "secret-77", "123454321", "987656789"])
    expect(text).not.toContain(secret);
});

test("what is refused for want of room is one line a second, not one for each request", async () => {
  const fixture = createFixture({ limits: { requestsMax: 1 } });
  const slow = fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } })),
  );
  await slow;
  expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(10);
  const of = (level: string): number => fixture.log.filter((line) => line.level === level).length;
  expect([of("warn"), of("info"), of("error")]).toEqual([1, 0, 0]);
  expect(fixture.log.find(({ level }) => level === "warn")).toMatchObject({
    message: "too much to do: requests are refused",
  });
});
