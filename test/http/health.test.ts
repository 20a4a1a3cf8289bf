import { HoldfastError, type Journal } from "holdfast";
import { expect, test } from "vitest";
import { createFixture, problemOf } from "./fixtures.ts";

test("healthz and readyz say ok", async () => {
  const { send } = createFixture();
  for (const path of ["/healthz", "/readyz"]) {
    const response = await send("GET", path);
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
  }
});

const failing = (record: Journal["record"]) => (inner: Journal) => ({ ...inner, record });

test("readyz is 503 while the store fails, without saying why, and recovers; healthz does not care", async () => {
  let down = true;
  const fixture = createFixture({
    journal: failing(async () => {
      if (down) throw new HoldfastError("journal-failed", "secret host 10.0.0.1", { retry: "later" });
      return undefined;
    }),
  });
  const response = await fixture.send("GET", "/readyz");
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  const problem = await problemOf(response);
  expect(problem.code).toBe("not-ready");
  expect(JSON.stringify(problem)).not.toContain("10.0.0.1");
  expect((await fixture.send("GET", "/healthz")).status).toBe(200);
  down = false;
  expect((await fixture.send("GET", "/readyz")).status).toBe(200);
});

test("readyz waits two seconds for the store and no longer", async () => {
  const fixture = createFixture({ journal: failing(() => new Promise(() => {})) });
  const answer = fixture.send("GET", "/readyz");
  await fixture.system.clock.advance(2_000);
  expect((await problemOf(await answer)).code).toBe("not-ready");
});

test("readyz is 503 once the host closes", async () => {
  const fixture = createFixture();
  fixture.http.close();
  expect((await problemOf(await fixture.send("GET", "/readyz"))).code).toBe("not-ready");
  expect((await fixture.send("GET", "/healthz")).status).toBe(200);
});
