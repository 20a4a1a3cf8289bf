import { dependency, holdfast, on, type Reached } from "holdfast";
import { createHttp } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { workflows } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

interface Services {
  readonly bank: (reached: Reached) => unknown;
}
const h = holdfast<Services>();
const bank = dependency("bank", { timeoutMs: 5_000, retry: { attempts: 2 }, failuresMax: 3, openMs: 60_000 });

const account = h
  .entity("account", {
    initial: () => ({ rate: 0, told: 0 }),
    events: { rated: z.object({ rate: z.number() }), told: z.object({}) },
    evolve: { rated: (state, { rate }) => ({ ...state, rate }), told: (state) => ({ ...state, told: state.told + 1 }) },
  })
  .command("rate", {
    prepare: async (_input, { reach, services }) => {
      const one = (await reach(bank, services.bank)) as number;
      return one;
    },
    decide: (_state, _input, { events, prepared }) => events.rated({ rate: prepared }),
  })
  .command("rateTwice", {
    prepare: async (_input, { reach, services }) => {
      await reach(bank, services.bank);
      return (await reach(bank, services.bank)) as number;
    },
    decide: (_state, _input, { events, prepared }) => events.rated({ rate: prepared }),
  })
  .command("tell", { decide: (_state, _input, { events }) => events.told({}) });

const letters = h.subscription("letters", {
  to: [on(account.events.told)],
  maxAttempts: 3,
  handle: async (_event, { reach, services }) => {
    await reach(bank, services.bank);
    await reach(bank, services.bank);
  },
});

const errand = workflows<Services>()("errand", {
  input: z.object({}),
  run: (_input, ctx) =>
    ctx.run("ask", ({ reach, services }) => reach(bank, services.bank) as Promise<string>, {
      retry: { attempts: 3, firstMs: 100 },
      timeoutMs: 2_000,
    }),
});

const app = h.app({ entities: [account], subscriptions: [letters], workflows: [errand] });

function setUp(answer: (reached: Reached) => unknown, seed = 1) {
  const asked: Reached[] = [];
  const bank = (reached: Reached): unknown => {
    asked.push(reached);
    return answer(reached);
  };
  const run = createTestApp(app, { services: { bank }, seed });
  const http = createHttp(run);
  const post = (headers: Record<string, string> = {}, command = "rate", id = "a1") =>
    http.fetch(new Request(`http://x/api/account/${id}/${command}`, { method: "POST", headers }));
  /** The answer, while time goes by. */
  async function answered(
    request: Promise<Response>,
  ): Promise<{ status: number; code: unknown; ms: number; after: string | null }> {
    const from = run.clock.now();
    let response: Response | undefined;
    void request.then((one) => (response = one));
    while (response === undefined) await run.clock.advance(10);
    const { code } = (await response.json().catch(() => ({}))) as { code?: unknown };
    return { status: response.status, code, ms: run.clock.now() - from, after: response.headers.get("retry-after") };
  }
  return { run, asked, post, answered };
}

const hangs = () => new Promise<never>(() => {});
const fails = (): never => {
  throw new Error("the bank's password is 1234");
};

describe("prepare", () => {
  test("asks within the deadline that the request brings, and hands on what is left of it", async () => {
    const { asked, post, answered, run } = setUp(hangs);
    const answer = await answered(post({ "x-request-timeout-ms": "1000", "x-correlation-id": "req-1" }));
    expect(answer).toMatchObject({ status: 503, code: "deadline-exceeded" });
    expect(answer.ms).toBeLessThanOrEqual(1_200);
    expect(asked[0]?.headers).toMatchObject({ "x-request-timeout-ms": "1000", "x-correlation-id": "req-1" });
    expect((await run.journal.load({ tenant: "default", entity: "account", id: "a1" })).records).toEqual([]);
  });

  test("asks under a key that is the same for a retry of the same request, and no other", async () => {
    const { asked, post, answered } = setUp(({ attempt }) => (attempt === 1 ? fails() : 7));
    await answered(post({ "idempotency-key": "k1" }));
    await answered(post({ "idempotency-key": "k1" }, "rate", "a2"));
    await answered(post({}));
    await answered(post({}));
    const keys = asked.map(({ key }) => key);
    expect(new Set(keys).size).toBe(4);
    expect(keys[0]).toBe(keys[1]);
    // Another process, with ids of its own.
    const again = setUp(() => 7, 2);
    await again.answered(again.post({ "idempotency-key": "k1" }));
    expect(again.asked[0]?.key).toBe(keys[0]);
  });

  test("two calls in one prepare have two keys", async () => {
    const { asked, post, answered } = setUp(() => 7);
    await answered(post({ "idempotency-key": "k1" }, "rateTwice"));
    expect(new Set(asked.map(({ key }) => key)).size).toBe(2);
  });

  test("a failure of what is outside is no bug: 503, nothing of it is told, and the circuit's time is Retry-After", async () => {
    const { post, answered } = setUp(fails);
    const first = post();
    const body = answered(first);
    expect(await body).toMatchObject({ status: 503, code: "dependency-failed" });
    expect(await answered(post())).toMatchObject({ status: 503, code: "circuit-open", after: "60" });
  });
});

describe("a request's own time", () => {
  test.each(["0", "-1", "1.5", "soon", "1e3", "99999999999"])(
    "of %j is refused, and nothing is run",
    async (timeout) => {
      const { asked, post, answered } = setUp(() => 7);
      const answer = await answered(post({ "x-request-timeout-ms": timeout }));
      expect(answer).toMatchObject({ status: 400, code: "invalid-timeout" });
      expect(asked).toHaveLength(0);
    },
  );

  test("is not longer than the host's", async () => {
    const { asked, post, answered } = setUp(hangs);
    const answer = await answered(post({ "x-request-timeout-ms": "9999999" }));
    expect(answer).toMatchObject({ status: 503 });
    expect(answer.ms).toBeLessThanOrEqual(30_000);
    expect(asked.length).toBeGreaterThan(0);
  });
});

describe("a handler", () => {
  test("asks under keys of its own for each call, the same at each attempt", async () => {
    const { run, asked } = setUp(() => (asked.length === 3 ? fails() : undefined));
    // Its first attempt fails at the second call: with one attempt at a time, its handler is run again.
    await run.call(account, "a1").tell();
    for (let i = 0; i < 20; i++) {
      await run.clock.advance(1_000);
    }
    const keys = asked.map(({ key }) => key);
    expect(new Set(keys).size).toBe(2);
    expect(asked.every(({ headers }) => headers["x-correlation-id"] !== undefined)).toBe(true);
  });

  test("an open circuit is an outage: however long it lasts, nothing is dead-lettered", async () => {
    let isUp = false;
    const { run, asked } = setUp(() => (isUp ? "fine" : fails()));
    await run.call(account, "a1").tell();
    for (let minute = 0; minute < 60; minute++) {
      await run.clock.advance(60_000);
    }
    expect(await run.journal.dead({ limit: 10 })).toEqual([]);
    // One probe a minute at most, and what it took to open it.
    expect(asked.length).toBeLessThanOrEqual(65);
    isUp = true;
    for (let minute = 0; minute < 10; minute++) {
      await run.clock.advance(60_000);
    }
    const before = asked.length;
    await run.clock.advance(600_000);
    expect(asked.length).toBe(before);
  });
});

describe("a workflow's step", () => {
  test("asks under a key made of its own, within its attempt's time", async () => {
    const { run, asked } = setUp(({ attempt }) => (asked.length === 1 ? hangs() : attempt === 1 ? fails() : "paid"));
    await run.call(errand, "e1").start({});
    for (let i = 0; i < 100; i++) {
      await run.clock.advance(100);
    }
    const principal = { kind: "user", id: "u", tenant: "default", claims: {} } as const;
    const { view } = await run.view({ entity: "errand", id: "e1", principal });
    expect(view).toMatchObject({ status: "completed", output: "paid" });
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
    expect(asked[0]?.timeoutMs).toBe(2_000);
  });
});

test("a handler whose time is used up by what is outside has failed, and is given up in the end", async () => {
  const slow = dependency("slow", { timeoutMs: 60_000 });
  let asked = 0;
  const waiting = h.subscription("waiting", {
    to: [on(account.events.told)],
    maxAttempts: 3,
    timeoutMs: 5_000,
    handle: (_event, { reach }) => {
      asked++;
      return reach(slow, hangs);
    },
  });
  const run = createTestApp(h.app({ entities: [account], subscriptions: [waiting] }), { services: { bank: hangs } });
  await run.call(account, "a1").tell();
  for (let i = 0; i < 60; i++) await run.clock.advance(1_000);
  expect(await run.journal.dead({ limit: 10 })).toMatchObject([{ reason: { code: "handler-timed-out" } }]);
  expect(asked).toBe(3);
});

test("calls at once can be given keys, and one that nobody looks at fails its handler", async () => {
  const keys: string[] = [];
  const careless = h.subscription("careless", {
    to: [on(account.events.told)],
    maxAttempts: 1,
    handle: (_event, { reach }) => {
      void reach(bank, ({ key }) => void keys.push(key), { key: "mine" });
      void reach(dependency("gone", { retry: { attempts: 1 } }), fails);
    },
  });
  const run = createTestApp(h.app({ entities: [account], subscriptions: [careless] }), { services: { bank: hangs } });
  await run.call(account, "a1").tell();
  await run.clock.advance(1_000);
  expect(keys).toEqual(["mine"]);
  expect(await run.journal.dead({ limit: 10 })).toMatchObject([{ reason: { code: "dependency-failed" } }]);
});
