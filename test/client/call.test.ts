import { ClientError, client, isClientError } from "holdfast/client";
import { describe, expect, test } from "vitest";
import { createFixture, createTestPlatform, lost, problem, replies, start } from "./fixtures.ts";

/** What a failed call throws, as plain data. */
async function failureOf(promise: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await promise.then(
    (value) => expect.fail(`it returned ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

const item = { sku: "A-1", quantity: 2 };

describe("a command", () => {
  test("is one POST with the input, a key in our own form, how long it waits, and nothing else", async () => {
    const { shop, sent } = createFixture(replies({ count: 2 }, 7));
    expect(await shop.cart("u1").addItem(item)).toEqual({
      ok: true,
      reply: { count: 2 },
      version: 7,
      replayed: false,
    });
    expect(sent).toHaveLength(1);
    const [{ url, method, headers, body } = expect.fail()] = sent;
    expect([method, url, body]).toEqual(["POST", "http://shop.test/api/cart/u1/addItem", JSON.stringify(item)]);
    expect([...headers].toSorted()).toEqual([
      ["content-type", "application/json"],
      ["idempotency-key", `hf1.${start}.id1`],
      ["x-request-timeout-ms", "10000"],
    ]);
  });

  test("without an input has no body, and without a reply none either", async () => {
    const { shop, sent } = createFixture(replies(undefined, 1, { "Idempotency-Replayed": "true" }));
    expect(await shop.cart("u1").addLater()).toEqual({ ok: true, reply: undefined, version: 1, replayed: true });
    expect(sent[0]?.body).toBeUndefined();
    expect(sent[0]?.headers.has("content-type")).toBe(false);
  });

  test("has a new key for each call, the caller's own if there is one, and says at which version it may run", async () => {
    const { shop, sent } = createFixture(replies({ count: 1 }, 1));
    const cart = shop.cart("u1");
    await cart.addItem(item);
    await cart.addItem(item);
    await shop.cart("u1", { key: "order-314", ifMatch: 0 }).addItem(item);
    const keys = sent.map(({ headers }) => headers.get("idempotency-key"));
    expect(keys).toEqual([`hf1.${start}.id1`, `hf1.${start}.id2`, "order-314"]);
    expect(sent.map(({ headers }) => headers.get("if-match"))).toEqual([null, null, '"0"']);
  });

  test("returns a rejection as a value, whatever its status is", async () => {
    for (const status of [409, 408, 422, 429]) {
      const { shop, sent } = createFixture(problem(status, "cart-closed", { rejected: true, version: 3 }));
      expect(await shop.cart("u1").addItem(item)).toEqual({
        ok: false,
        code: "cart-closed",
        message: "cart-closed!",
        version: 3,
        replayed: false,
      });
      expect(sent).toHaveLength(1);
    }
  });

  test("takes a rejection's version from its ETag where the body has none", async () => {
    const { shop } = createFixture(problem(409, "cart-closed", { rejected: true }, { ETag: '"4"' }));
    expect(await shop.cart("u1").addItem(item)).toMatchObject({ ok: false, version: 4 });
  });

  test.each([
    ['W/"5"', 5],
    ['"5-gzip"', 5],
    ['"0"', 0],
  ])("understands the tag %s, as what compresses on the way leaves it", async (ETag, version) => {
    const { shop } = createFixture(() => new Response("{}", { headers: { ETag } }));
    expect(await shop.cart("u1").addItem(item)).toMatchObject({ version });
  });

  test.each<[number, string, "never" | "reload"]>([
    [400, "malformed-json", "never"],
    [401, "unauthenticated", "never"],
    [403, "forbidden", "never"],
    [404, "unknown-command", "never"],
    [410, "erased", "never"],
    [412, "version-mismatch", "reload"],
    [413, "payload-too-large", "never"],
    [422, "validation-failed", "never"],
    [500, "internal", "never"],
  ])("throws the problem of a %i %s after one attempt", async (status, code, retry) => {
    const errors = [{ message: "Too small", path: ["quantity"] }];
    const { shop, sent } = createFixture(problem(status, code, { errors }));
    const error = await failureOf(shop.cart("u1", { key: "k" }).addItem(item));
    expect({ ...error }).toEqual({
      name: "ClientError",
      code,
      retry,
      status,
      retryAfterMs: undefined,
      details: errors,
      key: "k",
      attempts: 1,
    });
    expect(error.message).toBe(`${code}!`);
    expect(sent).toHaveLength(1);
  });

  test.each<[string, () => Response]>([
    ["a page of HTML", () => new Response("<!doctype html>", { headers: { ETag: '"1"' } })],
    ["an answer without a version", () => new Response("{}")],
    ["a 404 of somebody else", () => new Response("nothing", { status: 404 })],
  ])("throws unexpected-answer for %s", async (_what, answer) => {
    const { shop, sent } = createFixture(answer);
    const error = await failureOf(shop.cart("u1").addItem(item));
    expect(error).toMatchObject({ code: "unexpected-answer", retry: "never", attempts: 1 });
    expect(sent).toHaveLength(1);
    const read = await failureOf(createFixture(answer).shop.cart("u1").$history());
    expect(read).toMatchObject({ code: "unexpected-answer", attempts: 1, key: undefined });
  });

  test("is not sent with an input that JSON cannot carry", async () => {
    const { shop, sent } = createFixture(replies({ count: 1 }, 1));
    const loop: Record<string, unknown> = { ...item };
    loop["loop"] = loop;
    expect(await failureOf(shop.cart("u1").addItem(loop as never))).toMatchObject({ code: "malformed-json" });
    expect(sent).toEqual([]);
  });
});

describe("a device with a wrong clock", () => {
  test.each(["invalid-idempotency-key", "idempotency-key-expired"])(
    "gets its command through under an opaque key after %s, and then uses such keys at once",
    async (code) => {
      const { shop, sent } = createFixture([problem(400, code), replies({ count: 1 }, 1)]);
      expect(await shop.cart("u1").addItem(item)).toMatchObject({ ok: true });
      expect(await shop.cart("u1").addItem(item)).toMatchObject({ ok: true });
      const keys = sent.map(({ headers }) => headers.get("idempotency-key"));
      expect(keys).toEqual([`hf1.${start}.id1`, "id1", "id2"]);
    },
  );

  test("never gets another key after an attempt whose outcome is unknown, nor for the caller's own key", async () => {
    const { shop, sent, platform } = createFixture([lost, problem(422, "idempotency-key-expired")]);
    const error = await failureOf(platform.run(shop.cart("u1").addItem(item)));
    expect(error).toMatchObject({ code: "idempotency-key-expired", attempts: 2 });
    expect(new Set(sent.map(({ headers }) => headers.get("idempotency-key"))).size).toBe(1);
    const own = createFixture(problem(400, "invalid-idempotency-key"));
    await failureOf(own.shop.cart("u1", { key: "hf1.9999999999999.x" }).addItem(item));
    expect(own.sent).toHaveLength(1);
  });
});

describe("an id", () => {
  test.each([
    ["u1", "u1"],
    ["a b&c=d", "a%20b%26c%3Dd"],
    ["100%", "100%25"],
    ["\u00e9\u{1f680}", "%C3%A9%F0%9F%9A%80"],
    ["...", "..."],
    ["x".repeat(256), "x".repeat(256)],
  ])("%j is sent as %s", async (id, encoded) => {
    const { shop, sent } = createFixture(replies({}, 0));
    await shop.cart(id).$view();
    expect(sent[0]?.url).toBe(`http://shop.test/api/cart/${encoded}`);
  });

  test.each([
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a\u0000",
    "x".repeat(257),
    "\u00e9".repeat(129),
    "\ud800",
    "e\u0301",
  ])("%j is refused before anything is sent", async (id) => {
    const { shop, sent } = createFixture(replies({}, 0));
    const cart = shop.cart(id);
    const watched = cart.$watch()[Symbol.asyncIterator]().next();
    for (const call of [cart.addItem(item), cart.$view(), cart.$history(), watched]) {
      expect(await failureOf(call)).toMatchObject({ code: "invalid-id", attempts: 0 });
    }
    expect(sent).toEqual([]);
  });
});

describe("a number that the server would refuse", () => {
  const numbers: readonly unknown[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", null, "0&limit=9"];

  test.each(numbers)("%o as `ifMatch` is refused before anything is sent", async (ifMatch) => {
    const { shop, sent } = createFixture(replies({ count: 1 }, 1));
    const error = await failureOf(shop.cart("u1", { ifMatch: ifMatch as number }).addItem(item));
    expect(error).toMatchObject({ code: "invalid-if-match", retry: "never", attempts: 0, status: undefined });
    expect(error.message).toBe(`ifMatch is a whole number from 0 to 9007199254740991, not ${String(ifMatch)}.`);
    expect(sent).toEqual([]);
  });

  test.each(numbers)("%o as `after` is refused before anything is sent", async (after) => {
    const { shop, sent } = createFixture(replies({}, 0));
    const range = { after: after as number };
    const watched = shop.cart("u1").$watch(range)[Symbol.asyncIterator]().next();
    for (const call of [shop.cart("u1").$history(range), watched]) {
      expect(await failureOf(call)).toMatchObject({ code: "invalid-query", attempts: 0 });
    }
    expect(sent).toEqual([]);
  });

  test.each([0, 1_001, ...numbers])("%o as `limit` is refused before anything is sent", async (limit) => {
    const { shop, sent } = createFixture(replies({}, 0));
    const error = await failureOf(shop.cart("u1").$history({ limit: limit as number }));
    expect(error).toMatchObject({ code: "invalid-query", attempts: 0 });
    expect(error.message).toBe(`limit is a whole number from 1 to 1000, not ${String(limit)}.`);
    expect(sent).toEqual([]);
  });

  test("is none at the edge of its range", async () => {
    const { shop, sent } = createFixture(() => new Response('{"events":[]}', { headers: { ETag: '"1"' } }));
    await shop.cart("u1").$history({ after: Number.MAX_SAFE_INTEGER, limit: 1_000 });
    await shop.cart("u1").$history({ after: 0, limit: 1 });
    await shop.cart("u1", { ifMatch: Number.MAX_SAFE_INTEGER }).addItem(item);
    expect(sent).toHaveLength(3);
  });
});

describe("reads", () => {
  test("a view comes with the version that a command may be tied to", async () => {
    const { shop, sent } = createFixture(replies({ id: "u1", items: {} }, 3));
    expect(await shop.cart("u1").$view()).toEqual({ view: { id: "u1", items: {} }, version: 3 });
    expect([sent[0]?.method, sent[0]?.headers.has("idempotency-key")]).toEqual(["GET", false]);
  });

  test("a page of history has the entity's own event types", async () => {
    const event = { id: "e-1", type: "cart.itemAdded", version: 5, time: 9, data: item };
    const { shop, sent } = createFixture(() => new Response(JSON.stringify({ events: [event], next: 5 })));
    expect(await shop.cart("u1").$history({ after: 4, limit: 1 })).toEqual({
      events: [{ ...event, type: "itemAdded" }],
      next: 5,
    });
    expect(sent[0]?.url).toBe("http://shop.test/api/cart/u1/events?after=4&limit=1");
  });
});

describe("options", () => {
  test("headers may be a function, which is asked before each attempt, and credentials are handed on", async () => {
    const tokens = ["old", "new"];
    const headers = async () => ({ Authorization: `Bearer ${tokens.shift()}` });
    const { shop, sent, platform } = createFixture([problem(503, "overloaded"), replies(undefined, 1)], {
      headers,
      credentials: "include",
    });
    await platform.run(shop.cart("u1").addLater());
    expect(sent.map((one) => one.headers.get("authorization"))).toEqual(["Bearer old", "Bearer new"]);
    expect(sent.map(({ init }) => init.credentials)).toEqual(["include", "include"]);
  });

  test("headers that cannot be made fail the call", async () => {
    const { shop, sent } = createFixture(replies(undefined, 1), {
      headers: () => Promise.reject(new Error("no token")),
    });
    const error = await failureOf(shop.cart("u1").addLater());
    expect([error.code, (error.cause as Error).message]).toEqual(["headers-failed", "no token"]);
    expect(sent).toEqual([]);
  });

  test("static headers cannot take the place of the key", async () => {
    const { shop, sent } = createFixture(replies(undefined, 1), { headers: { "idempotency-key": "mine", a: "b" } });
    await shop.cart("u1").addLater();
    expect([sent[0]?.headers.get("idempotency-key"), sent[0]?.headers.get("a")]).toEqual([`hf1.${start}.id1`, "b"]);
  });
});

describe("names", () => {
  test("entities and commands may be called as other clients' reads are", async () => {
    const { shop, sent } = createFixture(replies("old", 1));
    const handle = shop.view("v1");
    await handle.view();
    await handle.watch();
    expect(await handle.history()).toMatchObject({ ok: true, reply: "old" });
    expect(sent.map(({ url }) => url.slice(-7))).toEqual(["v1/view", "1/watch", "history"]);
  });

  test("a handle can be awaited, logged, compared and turned to JSON without a request", async () => {
    const { shop, sent } = createFixture(replies({}, 0));
    const cart = await (async () => shop.cart("u1"))();
    expect([String(cart), JSON.stringify(cart), JSON.stringify(await shop)]).toEqual(["[object Object]", "{}", "{}"]);
    expect(cart).not.toBe(shop.cart("u1"));
    expect(sent).toEqual([]);
  });

  test("nothing that is no name can become a part of the path", () => {
    const shop = client({ url: "http://shop.test" }) as unknown as Record<string, unknown>;
    expect([shop["../admin"], shop["$view"], shop["then"], shop[""]]).toEqual(Array.from({ length: 4 }));
  });
});

test("the real platform makes keys that the server takes", async () => {
  const keys: (string | null)[] = [];
  const shop = client<typeof import("./app.ts").app>({
    url: "http://shop.test",
    fetch: async (_url, init) => {
      keys.push(new Headers(init.headers).get("idempotency-key"));
      return new Response(null, { status: 204, headers: { ETag: '"1"' } });
    },
  });
  await shop.cart("u1").addLater();
  await shop.cart("u1").addLater();
  for (const key of keys) expect(key).toMatch(/^hf1\.\d{13}\.[0-9a-v]{20}$/);
  expect(new Set(keys).size).toBe(2);
});

test("errors are told by their name and code, across copies of the package", () => {
  const error = new ClientError("timeout", "x");
  expect([isClientError(error), isClientError(error, "timeout"), isClientError(error, "aborted")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isClientError({ ...error, name: "ClientError" }, "timeout")).toBe(true);
  for (const other of [undefined, null, "timeout", new Error("timeout")]) expect(isClientError(other)).toBe(false);
  expect(createTestPlatform().pending).toBe(0);
});
