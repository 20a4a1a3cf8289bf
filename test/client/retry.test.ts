import { getEventListeners } from "node:events";
import { isClientError } from "holdfast/client";
import { describe, expect, test } from "vitest";
import { createFixture, createTestPlatform, deaf, lost, problem, replies, silence, type Reaction } from "./fixtures.ts";

const done = replies({ count: 1 }, 1);
const item = { sku: "A-1" };
const failed = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it succeeded"),
    (error: unknown) => error,
  );

describe("a call is tried again", () => {
  test.each<[string, Reaction]>([
    ["a network error", lost],
    ["an attempt that times out", silence],
    ["an attempt that does not even stop when told to", deaf],
    [
      "a body that breaks off",
      () => new Response(new ReadableStream({ start: (c) => c.error(new TypeError("gone")) })),
    ],
    ["a request-timeout", problem(408, "request-timeout")],
    ["a 429", problem(429, "too-many-requests")],
    ["an overloaded", problem(503, "overloaded")],
    ["an outcome-unknown", problem(503, "outcome-unknown")],
    ["a bad gateway without a problem", () => new Response("<html>", { status: 502 })],
    ["a gateway time-out", () => new Response("", { status: 504 })],
  ])("after %s, as the same request under the same key", async (_what, reaction) => {
    const { shop, sent, platform } = createFixture([reaction, reaction, done]);
    expect(await platform.run(shop.cart("u1").addItem(item))).toMatchObject({ ok: true });
    expect(sent).toHaveLength(3);
    const requests = sent.map(({ url, method, headers, body }) => {
      const timeouts = Number(headers.get("x-request-timeout-ms"));
      headers.delete("x-request-timeout-ms");
      // What is left of the call's time.
      expect(timeouts).toBeGreaterThan(0);
      expect(timeouts).toBeLessThanOrEqual(10_000);
      return [url, method, [...headers], body];
    });
    expect(requests[1]).toEqual(requests[0]);
    expect(requests[2]).toEqual(requests[0]);
    expect(platform.pending).toBe(0);
  });

  test("also when it only reads", async () => {
    const { shop, sent, platform } = createFixture([lost, replies({}, 1)]);
    expect(await platform.run(shop.cart("u1").$view())).toMatchObject({ version: 1 });
    expect(sent).toHaveLength(2);
  });
});

describe("between two attempts", () => {
  test("the range of the random wait doubles from 100 ms to 5 s", async () => {
    const platform = createTestPlatform(() => 0.999);
    const { shop } = createFixture([...Array.from({ length: 8 }, () => lost), done], {}, platform);
    await platform.run(shop.cart("u1").addItem(item));
    expect(platform.jumps.map(Math.round)).toEqual([100, 200, 400, 799, 1598, 3197, 4995, 4995]);
  });

  test.each([
    ["2", {}, 2_000],
    [new Date(1_700_000_000_000 + 3_000).toUTCString(), {}, 3_000],
    // The server's clock is an hour ahead of ours.
    [new Date(1_700_003_604_000).toUTCString(), { Date: new Date(1_700_003_600_000).toUTCString() }, 4_000],
    [new Date(1_600_000_000_000).toUTCString(), {}, 0],
    ["soon", {}, 0],
  ])("Retry-After: %s is honoured, with jitter on top", async (text, headers, ms) => {
    const reaction = problem(503, "overloaded", {}, { "Retry-After": text, ...headers });
    const { shop, platform } = createFixture([reaction, done]);
    await platform.run(shop.cart("u1").addItem(item));
    expect(platform.jumps).toEqual([ms + 50]);
  });

  test("nothing is waited for where the deadline would pass meanwhile", async () => {
    const { shop, platform } = createFixture(problem(429, "too-many-requests", {}, { "Retry-After": "31" }));
    const error = await platform.run(failed(shop.cart("u1").addItem(item)));
    expect(error).toMatchObject({ code: "too-many-requests", retryAfterMs: 31_000, status: 429, attempts: 1 });
    expect(platform.jumps).toEqual([]);
  });
});

describe("a deadline", () => {
  test("bounds all attempts together, 30 s by default, 10 s for each", async () => {
    const { shop, sent, platform } = createFixture(deaf);
    const from = platform.now();
    const error = await platform.run(failed(shop.cart("u1").addItem(item)));
    expect(error).toMatchObject({ code: "timeout", retry: "later", status: undefined, attempts: 3 });
    expect(platform.now() - from).toBe(30_000);
    expect(sent).toHaveLength(3);
    expect(sent.every(({ signal }) => signal.aborted)).toBe(true);
    expect(platform.pending).toBe(0);
  });

  test("is the client's option, or the handle's; attempts have their own", async () => {
    const options = { timeoutMs: 5_000, attemptTimeoutMs: 2_000 };
    for (const [ofHandle, attempts, ms] of [
      [undefined, 3, 5_000],
      [1_000, 1, 1_000],
    ] as const) {
      const { shop, sent, platform } = createFixture(silence, options);
      const from = platform.now();
      await platform.run(failed(shop.cart("u1", ofHandle ? { timeoutMs: ofHandle } : {}).addItem(item)));
      expect([sent.length, platform.now() - from]).toEqual([attempts, ms]);
    }
  });

  test("also bounds a function that makes headers and never ends", async () => {
    const { shop, platform } = createFixture(done, { headers: () => new Promise<never>(() => {}), timeoutMs: 100 });
    expect(await platform.run(failed(shop.cart("u1").addItem(item)))).toMatchObject({ code: "timeout" });
  });
});

describe("a signal", () => {
  test("that was given before ends the call before anything is sent", async () => {
    const { shop, sent } = createFixture(done);
    const signal = AbortSignal.abort("changed my mind");
    const error = await failed(shop.cart("u1", { signal }).addItem(item));
    expect(error).toMatchObject({ code: "aborted", cause: "changed my mind", attempts: 0 });
    expect(sent).toEqual([]);
  });

  test.each<[string, Reaction]>([
    ["during an attempt", deaf],
    ["during a wait", problem(503, "overloaded", {}, { "Retry-After": "20" })],
  ])("%s ends the call at once, and leaves no timer behind", async (_when, reaction) => {
    const { shop, sent, platform } = createFixture(reaction);
    const controller = new AbortController();
    platform.after(10, () => controller.abort());
    const from = platform.now();
    const error = await platform.run(failed(shop.cart("u1", { signal: controller.signal }).addItem(item)));
    expect(error).toMatchObject({ code: "aborted", retry: "never", key: expect.stringMatching(/^hf1\./) as string });
    expect([sent.length, platform.now() - from, platform.pending]).toEqual([1, 10, 0]);
  });
});

test("a signal that outlives its calls is not left with what listened to it", async () => {
  const { signal } = new AbortController();
  const { shop, platform } = createFixture([lost, done, problem(404, "unknown-entity"), deaf]);
  const cart = shop.cart("u1", { signal, timeoutMs: 1_000 });
  await platform.run(cart.addItem(item));
  await failed(cart.addItem(item));
  await platform.run(failed(cart.$view()));
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

describe("the retry budget", () => {
  test("with the server down 1,000 calls make 1,000 attempts and 10 retries", async () => {
    const { shop, sent, platform } = createFixture(lost);
    const calls = Array.from({ length: 1_000 }, (_, i) => failed(shop.cart(`u${i}`).addItem(item)));
    const errors = await platform.run(Promise.all(calls));
    expect(errors.every((error) => isClientError(error, "unreachable"))).toBe(true);
    expect(sent).toHaveLength(1_010);
  });

  test("with the server down after each other they make no more", async () => {
    const { shop, sent, platform } = createFixture(problem(503, "overloaded"));
    for (let i = 0; i < 100; i++) await platform.run(failed(shop.cart("u1").$view()));
    expect(sent).toHaveLength(110);
  });

  test("one retry comes back per ten answered calls, rejections and refusals among them, ten at most", async () => {
    const answers = [done, problem(409, "cart-closed", { rejected: true, version: 1 }), problem(404, "unknown-entity")];
    let up = false;
    const { shop, sent, platform } = createFixture((request, n) => (up ? (answers[n % 3] ?? lost) : lost)(request, n));
    const call = (): Promise<unknown> =>
      platform.run(
        shop
          .cart("u1")
          .addItem(item)
          .catch(() => {}),
      );
    const attemptsWhileDown = async (): Promise<number> => {
      up = false;
      const before = sent.length;
      for (let i = 0; i < 20; i++) await call();
      return sent.length - before;
    };
    const answered = async (calls: number): Promise<void> => {
      up = true;
      for (let i = 0; i < calls; i++) await call();
    };
    expect(await attemptsWhileDown()).toBe(20 + 10);
    await answered(9);
    expect(await attemptsWhileDown()).toBe(20);
    await answered(1);
    expect(await attemptsWhileDown()).toBe(20 + 1);
    await answered(1_000);
    expect(await attemptsWhileDown()).toBe(20 + 10);
  });

  test("can be set, also to nothing", async () => {
    for (const retriesMax of [0, 3]) {
      const { shop, sent, platform } = createFixture(lost, { retriesMax });
      await platform.run(failed(shop.cart("u1").addItem(item)));
      expect(sent).toHaveLength(1 + retriesMax);
    }
  });
});
