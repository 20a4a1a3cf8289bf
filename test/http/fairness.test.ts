import { HoldfastError, type Principal } from "holdfast";
import { createHttp, type HttpOptions } from "holdfast/http";
import { describe, expect, test } from "vitest";
import { createRates } from "../../src/http/rate.ts";
import { createFixture, problemOf, type Fixture } from "./fixtures.ts";

const as = (who?: string) => (who === undefined ? {} : { headers: { authorization: `Bearer ${who}` } });
const statusOf = async ({ send }: Fixture, who?: string, path = "/api/box/b1") =>
  (await send("GET", path, as(who))).status;

/** How many of so many requests at once are answered; the others have to be told that there were too many. */
async function answered(fixture: Fixture, count: number, who?: string): Promise<number> {
  const statuses = await Promise.all(Array.from({ length: count }, () => statusOf(fixture, who)));
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  return statuses.filter((status) => status === 200).length;
}

describe("the rate of a caller", () => {
  const limited = (http: HttpOptions = {}) => createFixture({ http: { rate: { perSecond: 0.5, burst: 3 }, ...http } });

  test("is a burst, then so many a second; Retry-After is exact", async () => {
    const fixture = limited();
    expect(await answered(fixture, 5, "alice")).toBe(3);
    await fixture.system.clock.advance(500);
    const response = await fixture.send("GET", "/api/box/b1", as("alice"));
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
    expect(await problemOf(response)).toMatchObject({ code: "rate-limited", title: "Too Many Requests" });
    await fixture.system.clock.advance(1_499);
    expect(await statusOf(fixture, "alice")).toBe(429);
    await fixture.system.clock.advance(1);
    expect(await answered(fixture, 2, "alice")).toBe(1);
    // However long the pause: no more than the burst.
    await fixture.system.clock.advance(3_600_000);
    expect(await answered(fixture, 10, "alice")).toBe(3);
  });

  test("is that of all ways in together: commands, views, histories; refused is before anything is done", async () => {
    const fixture = limited();
    await fixture.send("POST", "/api/box/b1/ping", as("alice"));
    await fixture.send("GET", "/api/box/b1/events", as("alice"));
    await fixture.send("GET", "/api/vault/v1", as("alice"));
    const before = await fixture.stored();
    const put = { json: { value: 1 }, ...as("alice") };
    expect((await fixture.send("POST", "/api/box/b1/put", put)).status).toBe(429);
    expect(await statusOf(fixture, "alice", "/api/box/b1/events")).toBe(429);
    expect(await fixture.stored()).toBe(before);
    // What is nobody's is not counted.
    expect(await statusOf(fixture, "alice", "/healthz")).toBe(200);
    expect((await fixture.send("OPTIONS", "/api/box/b1/put", as("alice"))).status).toBe(204);
  });

  test("is a caller's own: others, also of the same name in another tenant, and strangers are not held up", async () => {
    const fixture = limited();
    expect(await answered(fixture, 4, "alice")).toBe(3);
    expect(await answered(fixture, 4, "bob")).toBe(3);
    expect(await answered(fixture, 4, "alice@other")).toBe(3);
    expect(await answered(fixture, 50)).toBe(50);
  });

  test("is not spent by who is refused for bad credentials", async () => {
    const fixture = limited();
    for (let i = 0; i < 10; i++) expect(await statusOf(fixture, "expired")).toBe(401);
    expect(await answered(fixture, 3, "expired2")).toBe(3);
  });

  test("is 1,000 a second with 2,000 at once by default, and can be switched off", async () => {
    const [http, limits] = [{ requestsPerPrincipalMax: 3_000 }, { requestsPerEntityMax: 3_000 }];
    expect(await answered(createFixture({ http, limits }), 2_100, "alice")).toBe(2_000);
    expect(await answered(createFixture({ http: { ...http, rate: false }, limits }), 2_100, "alice")).toBe(2_100);
  });

  test("is counted for strangers together, for each tenant, where that is asked for", async () => {
    const fixture = limited({ anonymousRate: { perSecond: 1, burst: 2 } });
    expect(await answered(fixture, 5)).toBe(2);
    expect(await answered(fixture, 3, "alice")).toBe(3);
  });
});

describe("a token bucket", () => {
  test("gives what it says, at every rate, and tells the wait to the millisecond", () => {
    for (const [perSecond, burst] of [
      [3, 3],
      [7, 1],
      [0.001, 1],
      [1_000, 2_000],
      [999_983, 5],
      [1 / 3, 2],
    ] as const) {
      let now = 1_767_225_600_000;
      const rates = createRates({ perSecond, burst }, () => now, 10);
      let taken = 0;
      for (let i = 0; i < burst; i++) if (rates.take("a") === 0) taken++;
      expect([perSecond, taken]).toEqual([perSecond, burst]);
      const waitMs = rates.take("a");
      expect(waitMs).toBe(Math.ceil(1_000 / perSecond));
      now += waitMs - 1;
      if (waitMs > 1) expect(rates.take("a")).toBe(1);
      now += 1;
      expect(rates.take("a")).toBe(0);
    }
  });

  test("gives nothing for a clock that is set back, and loses nothing", () => {
    let now = 1_000_000;
    const rates = createRates({ perSecond: 1, burst: 1 }, () => now, 10);
    expect(rates.take("a")).toBe(0);
    now -= 500_000;
    expect(rates.take("a")).toBe(1_000);
    now += 1_000;
    expect(rates.take("a")).toBe(0);
  });

  test("is forgotten past the bound, the one used longest ago first", () => {
    const rates = createRates({ perSecond: 1, burst: 1 }, () => 0, 2);
    expect([rates.take("a"), rates.take("b"), rates.take("a")]).toEqual([0, 0, 1_000]);
    expect(rates.take("c")).toBe(0);
    expect([rates.take("a"), rates.take("b")]).toEqual([1_000, 0]);
  });
});

describe("requests under way at once", () => {
  /** A fixture whose `slow` commands wait until they are released. */
  function slow(http: HttpOptions): Fixture & { release(): void } {
    const waiting: ((value: number) => void)[] = [];
    const fixture = createFixture({ http, slow: () => new Promise((resolve) => void waiting.push(resolve)) });
    return { ...fixture, release: () => waiting.splice(0).forEach((resolve) => resolve(1)) };
  }
  const begin = ({ send }: Fixture, id: string, who?: string) => send("POST", `/api/box/${id}/slow`, as(who));

  test("of one caller are bounded, and the places come back, whatever came of the requests", async () => {
    const fixture = slow({ requestsPerPrincipalMax: 2 });
    const running = [begin(fixture, "b1", "alice"), begin(fixture, "b2", "alice")];
    await fixture.system.clock.advance(0);
    const response = await fixture.send("GET", "/api/box/b1", as("alice"));
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await problemOf(response)).code).toBe("rate-limited");
    expect(await statusOf(fixture, "bob")).toBe(200);
    expect(await statusOf(fixture)).toBe(200);
    fixture.release();
    for (const answer of running) expect((await answer).status).toBe(204);
    for (const path of ["/api/box/b1/fail", "/api/box/b1/refuse", "/api/vault/v1/open"]) {
      for (let i = 0; i < 3; i++) await fixture.send("POST", path, as("alice"));
    }
    expect(await answered(fixture, 2, "alice")).toBe(2);
  });

  test("of one tenant are bounded where that is asked for, strangers included", async () => {
    const fixture = slow({ requestsPerTenantMax: 3 });
    const running = [begin(fixture, "b1", "alice"), begin(fixture, "b2", "bob"), begin(fixture, "b3")];
    await fixture.system.clock.advance(0);
    expect(await statusOf(fixture, "carol")).toBe(429);
    expect(await statusOf(fixture)).toBe(429);
    expect(await statusOf(fixture, "alice@other")).toBe(200);
    fixture.release();
    await Promise.all(running);
    expect(await answered(fixture, 3, "carol")).toBe(3);
  });

  test("of a tenant that is refused cost its caller nothing", async () => {
    const fixture = slow({ requestsPerTenantMax: 1, requestsPerPrincipalMax: 1 });
    const running = begin(fixture, "b1", "alice");
    await fixture.system.clock.advance(0);
    for (let i = 0; i < 3; i++) expect(await statusOf(fixture, "bob")).toBe(429);
    fixture.release();
    await running;
    expect(await statusOf(fixture, "bob")).toBe(200);
  });
});

test("event streams of one caller are bounded, and a place comes back", async () => {
  const fixture = createFixture({ http: { live: true, streamsPerPrincipalMax: 2 } });
  const open = (who?: string) => {
    const { headers } = { headers: {}, ...as(who) };
    return fixture.send("GET", "/api/box/b1/events", { headers: { ...headers, accept: "text/event-stream" } });
  };
  const streams = [await open("alice"), await open("alice")];
  const refused = await open("alice");
  expect([refused.status, (await problemOf(refused)).code]).toEqual([429, "rate-limited"]);
  for (const other of [await open("bob"), await open("alice@other"), await open(), await open(), await open()]) {
    expect(other.status).toBe(200);
  }
  await streams[0]?.body?.cancel();
  expect((await open("alice")).status).toBe(200);
  fixture.http.close();
});

test("event streams of one tenant are bounded where that is asked for, strangers included", async () => {
  const fixture = createFixture({ http: { live: true, streamsPerTenantMax: 3, streamsPerPrincipalMax: 2 } });
  const open = (who?: string) => {
    const { headers } = { headers: {}, ...as(who) };
    return fixture.send("GET", "/api/box/b1/events", { headers: { ...headers, accept: "text/event-stream" } });
  };
  const streams = [await open("alice"), await open("bob"), await open()];
  for (const who of ["alice", "carol", undefined]) {
    const refused = await open(who);
    expect([refused.status, (await problemOf(refused)).code]).toEqual([429, "rate-limited"]);
  }
  expect((await open("alice@other")).status).toBe(200);
  await streams[2]?.body?.cancel();
  // What was refused for the tenant's sake has cost alice nothing.
  expect((await open("alice")).status).toBe(200);
  fixture.http.close();
});

test("who cannot be found out in time is told so, and nothing is done", async () => {
  const authenticate = () => new Promise<Principal>(() => {});
  const fixture = createFixture({ http: { authenticate, requestTimeoutMs: 1_000 } });
  const answers = [
    fixture.send("POST", "/api/box/b1/put", { json: { value: 1 } }),
    fixture.send("GET", "/api/box/b1"),
    fixture.send("GET", "/api/box/b1/events"),
  ];
  await fixture.system.clock.advance(1_200);
  for (const answer of answers) {
    const response = await answer;
    expect([response.status, (await problemOf(response)).code]).toEqual([503, "deadline-exceeded"]);
  }
  expect(await fixture.stored()).toBe("[]");
});

test.each<readonly [string, object]>([
  ["a rate of nothing", { rate: { perSecond: 0 } }],
  ["a rate without its number", { rate: {} }],
  ["a rate that is a number", { rate: 100 }],
  ["a rate that is true", { rate: true }],
  ["a burst below one", { rate: { perSecond: 1, burst: 0.5 } }],
  ["a rate past all bounds", { anonymousRate: { perSecond: Infinity } }],
  ["a misspelt rate", { rate: { perSecond: 1, bursts: 2 } }],
  ["no rates to remember", { ratesMax: 0 }],
  ["no place for a caller", { requestsPerPrincipalMax: 0 }],
])("%s is refused", (_what, options) => {
  const { runtime } = createFixture();
  const refusal = (() => {
    try {
      createHttp(runtime, options);
    } catch (error) {
      return error;
    }
  })();
  expect(refusal).toBeInstanceOf(HoldfastError);
  expect(refusal).toMatchObject({ code: "invalid-options" });
});
