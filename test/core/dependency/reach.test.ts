import { createRuntime, dependency, holdfast, HoldfastError, type DependencyOptions, type Reached } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { describe, expect, test } from "vitest";

const app = holdfast().app({ entities: [] });

/** One dependency, asked on behalf of somebody who has that long. */
function setUp(options: DependencyOptions = {}, leftMs = 60_000) {
  const lines: { readonly message: string; readonly [field: string]: unknown }[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const system = createVirtualSystem({ log: { debug: note, info: note, warn: note, error: note } });
  const runtime = createRuntime(app, { journal: createMemoryJournal(), system });
  const bank = dependency("bank", options);
  const asked: Reached[] = [];
  const from = system.now();

  /** How it ends, and how long that takes, milliseconds. */
  async function ask(
    work: (reached: Reached) => unknown,
    { ms = leftMs, stop }: { ms?: number; stop?: AbortSignal } = {},
  ) {
    const began = system.now();
    const behalf = { key: "k1", deadline: began + ms, context: { correlation: "c1", trace: "t1" }, stop };
    let end: { readonly value?: unknown; readonly error?: HoldfastError; readonly ms: number } | undefined;
    runtime
      .reach(behalf, bank, (reached) => {
        asked.push(reached);
        return work(reached);
      })
      .then(
        (value) => (end = { value, ms: system.now() - began }),
        (error: HoldfastError) => (end = { error, ms: system.now() - began }),
      );
    for (let waited = 0; end === undefined && waited < 120_000; waited += 50) await system.clock.advance(50);
    if (end === undefined) throw new Error("It never ended.");
    return end;
  }

  return { system, bank, runtime, asked, ask, lines, at: () => system.now() - from };
}

const fails = (): never => {
  throw new Error("connection refused");
};
const hangs = () => new Promise<never>(() => {});

describe("what is asked", () => {
  test("answers what the work answers", async () => {
    const { ask, asked } = setUp();
    expect(await ask(async ({ key }) => `paid ${key}`)).toMatchObject({ value: "paid k1" });
    expect(asked).toHaveLength(1);
  });

  test("is asked again under the same key, and told what travels along", async () => {
    const { ask, asked } = setUp({ timeoutMs: 2_000 });
    const answer = await ask(({ attempt }) => (attempt < 3 ? fails() : "done"));
    expect(answer).toMatchObject({ value: "done" });
    expect(asked.map(({ attempt, key }) => [attempt, key])).toEqual([
      [1, "k1"],
      [2, "k1"],
      [3, "k1"],
    ]);
    expect(asked[0]?.headers).toEqual({
      "idempotency-key": "k1",
      "x-request-timeout-ms": "2000",
      "x-correlation-id": "c1",
      traceparent: "t1",
    });
  });

  test("is given up after so many attempts, with the last failure as the cause", async () => {
    const { ask, asked, lines } = setUp({ retry: { attempts: 2 } });
    const { error } = await ask(fails);
    expect(error).toMatchObject({
      code: "dependency-failed",
      retry: "reload",
      message: "The dependency bank was asked 2 times, and failed.",
    });
    expect(error?.cause).toMatchObject({ message: "connection refused" });
    expect(asked).toHaveLength(2);
    expect(lines).toMatchObject([
      { dependency: "bank", attempts: 2, correlation: "c1", message: "a dependency has failed" },
    ]);
  });

  test("is not asked again where the answer is final, which is no failure of it", async () => {
    const { ask, asked } = setUp({ failuresMax: 1, retry: { never: ["card-refused"] } });
    for (const error of [
      new HoldfastError("no-such-account", "There is none."),
      Object.assign(new Error("refused"), { code: "card-refused" }),
    ]) {
      const end = await ask(() => {
        throw error;
      });
      expect(end.error).toBe(error);
    }
    expect(asked).toHaveLength(2);
    expect(await ask(() => "open for business")).toMatchObject({ value: "open for business" });
  });

  test("waits as long as the other side asks for", async () => {
    const { ask } = setUp();
    const answer = await ask(({ attempt }) => {
      if (attempt === 1) throw new HoldfastError("overloaded", "Later.", { retry: "later", retryAfterMs: 7_000 });
      return "done";
    });
    expect(answer.value).toBe("done");
    expect(answer.ms).toBeGreaterThanOrEqual(7_000);
  });

  test("a work that throws before it waits is a failure as any", async () => {
    const { ask } = setUp({ retry: { attempts: 1 } });
    expect((await ask(fails)).error).toMatchObject({ code: "dependency-failed" });
  });
});

describe("time", () => {
  test("an attempt has its own, and its signal says when that is over", async () => {
    const { ask, asked } = setUp({ timeoutMs: 1_000, retry: { attempts: 2 } });
    const { error, ms } = await ask(hangs);
    expect(error).toMatchObject({ code: "dependency-timed-out", retry: "reload" });
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(ms).toBeGreaterThanOrEqual(2_000);
    expect(ms).toBeLessThanOrEqual(2_200);
  });

  test("shrinks on the way: nothing takes longer than the caller waits", async () => {
    const { ask, asked } = setUp({ timeoutMs: 5_000 });
    const { error, ms } = await ask(hangs, { ms: 1_000 });
    expect(error).toMatchObject({ code: "deadline-exceeded", retry: "later" });
    expect(ms).toBe(1_000);
    expect(asked[0]?.headers["x-request-timeout-ms"]).toBe("1000");
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  test("that is over before it begins asks nobody", async () => {
    const { ask, asked } = setUp();
    expect((await ask(() => "too late", { ms: 0 })).error).toMatchObject({ code: "deadline-exceeded" });
    expect(asked).toHaveLength(0);
  });

  test("that would be over before the next attempt is not waited for", async () => {
    const { ask, asked } = setUp({ retry: { firstMs: 5_000, maxMs: 5_000 } });
    const { error, ms } = await ask(fails, { ms: 2_000 });
    expect(error).toMatchObject({ code: "dependency-failed" });
    expect(ms).toBeLessThanOrEqual(50);
    expect(asked).toHaveLength(1);
  });

  test("ends where its caller is stopped, whatever it waits for", async () => {
    for (const work of [hangs, fails]) {
      const { ask, asked, system } = setUp({ retry: { firstMs: 10_000, maxMs: 10_000 } });
      const stop = new AbortController();
      system.after(500, () => stop.abort());
      const { error, ms } = await ask(work, { stop: stop.signal });
      expect(error).toMatchObject({ code: "deadline-exceeded" });
      expect(ms).toBe(500);
      expect(asked).toHaveLength(1);
    }
  });

  test("leaves a response's signal alone after success", async () => {
    const { ask, asked, system } = setUp({ timeoutMs: 1_000 });
    await ask(() => "done");
    await system.clock.advance(5_000);
    expect(asked[0]?.signal.aborted).toBe(false);
  });
});

describe("the budget", () => {
  test("retries of all calls together are so many, and one for every ten calls", async () => {
    const { ask, asked, runtime } = setUp({ retriesMax: 10, failuresMax: 1_000, retry: { attempts: 4 } });
    const calls = 200;
    for (let i = 0; i < calls; i++) await ask(fails);
    const retries = asked.length - calls;
    expect(retries).toBeLessThanOrEqual(10 + calls / 10);
    expect(retries).toBeGreaterThanOrEqual(calls / 10);
    expect(runtime).toBeDefined();
  });

  test("of none allows for no retry, and is of each dependency by itself", async () => {
    const none = setUp({ retriesMax: 0 });
    await none.ask(fails);
    expect(none.asked).toHaveLength(1);
    const other = dependency("other");
    let attempts = 0;
    const behalf = { key: "k", deadline: none.system.now() + 60_000, context: {} };
    const end = none.runtime
      .reach(behalf, other, () => {
        attempts++;
        return fails();
      })
      .catch((error: HoldfastError) => error.code);
    await none.system.clock.advance(10_000);
    expect([await end, attempts]).toEqual(["dependency-failed", 3]);
  });
});

describe("the circuit", () => {
  const once: DependencyOptions = { retry: { attempts: 1 }, failuresMax: 5, openMs: 10_000 };

  test("five failures open the circuit, and then nobody asks", async () => {
    const { ask, asked, lines } = setUp(once);
    const codes: unknown[] = [];
    for (let i = 0; i < 8; i++) codes.push((await ask(fails)).error?.code);
    expect(codes).toEqual([...Array(4).fill("dependency-failed"), ...Array(4).fill("circuit-open")]);
    expect(asked).toHaveLength(5);
    expect(lines.filter(({ message }) => message.includes("circuit"))).toHaveLength(1);
  });

  test("says when it is asked again, and that it is an outage", async () => {
    const { ask, system } = setUp(once);
    for (let i = 0; i < 5; i++) await ask(fails);
    await system.clock.advance(4_000 - 50);
    const { error } = await ask(fails);
    expect(error).toMatchObject({ code: "circuit-open", retry: "later" });
    expect(error?.retryAfterMs).toBeLessThanOrEqual(6_000);
    expect(error?.retryAfterMs).toBeGreaterThan(5_500);
  });

  test("it recovers half-open: one call asks, the others wait for what becomes of it", async () => {
    const { ask, asked, system, runtime, bank, lines } = setUp(once);
    for (let i = 0; i < 5; i++) await ask(fails);
    await system.clock.advance(10_000);
    let answer = (_value: string): void => {};
    const behalf = { key: "k", deadline: system.now() + 5_000, context: {} };
    const probe = runtime.reach(behalf, bank, () => new Promise<string>((resolve) => (answer = resolve)));
    expect((await ask(() => "not yet")).error).toMatchObject({ code: "circuit-open" });
    answer("back");
    expect(await probe).toBe("back");
    expect(await ask(() => "all of us")).toMatchObject({ value: "all of us" });
    expect(asked).toHaveLength(6);
    expect(lines.map(({ message }) => message)).toContain("the circuit of a dependency is closed");
  });

  test("opens and closes as often as need be", async () => {
    const { ask, system } = setUp(once);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) await ask(fails);
      expect((await ask(() => "x")).error).toMatchObject({ code: "circuit-open" });
      await system.clock.advance(10_000);
      expect(await ask(() => "back")).toMatchObject({ value: "back" });
    }
  });

  test("a probe that fails opens it for as long again", async () => {
    const { ask, asked, system } = setUp(once);
    for (let i = 0; i < 5; i++) await ask(fails);
    await system.clock.advance(10_000);
    expect((await ask(fails)).error).toMatchObject({ code: "circuit-open", cause: { message: "connection refused" } });
    await system.clock.advance(9_000);
    expect((await ask(() => "x")).error).toMatchObject({ code: "circuit-open" });
    await system.clock.advance(1_000);
    expect(await ask(() => "back")).toMatchObject({ value: "back" });
    expect(asked).toHaveLength(7);
  });

  test("a probe whose caller has gone says nothing: the next one probes", async () => {
    const { ask, system } = setUp(once);
    for (let i = 0; i < 5; i++) await ask(fails);
    await system.clock.advance(10_000);
    expect((await ask(hangs, { ms: 100 })).error).toMatchObject({ code: "deadline-exceeded" });
    expect(await ask(() => "back")).toMatchObject({ value: "back" });
  });

  test("callers in a hurry open nothing, however many there are", async () => {
    const { ask } = setUp({ ...once, timeoutMs: 5_000 });
    for (let i = 0; i < 20; i++)
      expect((await ask(hangs, { ms: 10 })).error).toMatchObject({ code: "deadline-exceeded" });
    expect(await ask(() => "fine")).toMatchObject({ value: "fine" });
  });

  test("a success in between begins the count anew", async () => {
    const { ask } = setUp(once);
    for (let i = 0; i < 4; i++) await ask(fails);
    await ask(() => "fine");
    for (let i = 0; i < 4; i++) expect((await ask(fails)).error).toMatchObject({ code: "dependency-failed" });
  });

  test("what began before it was opened neither closes it nor keeps it open for longer", async () => {
    const { ask, system, runtime, bank } = setUp({ ...once, timeoutMs: 60_000 });
    const ends: ((end: "ok" | "bad") => void)[] = [];
    const early = ["ok", "bad"].map(() => {
      const behalf = { key: "k", deadline: system.now() + 60_000, context: {} };
      return runtime
        .reach(
          behalf,
          bank,
          () =>
            new Promise((resolve, reject) =>
              ends.push((end) => (end === "ok" ? resolve(1) : reject(new Error("late")))),
            ),
        )
        .catch((error: HoldfastError) => error.code);
    });
    for (let i = 0; i < 5; i++) await ask(fails);
    await system.clock.advance(9_000);
    ends[0]?.("ok");
    ends[1]?.("bad");
    expect(await Promise.all(early)).toEqual([1, "circuit-open"]);
    expect((await ask(() => "x")).error).toMatchObject({ code: "circuit-open" });
    await system.clock.advance(1_000);
    expect(await ask(() => "back")).toMatchObject({ value: "back" });
  });

  test("retries of one call count: where they open it, the call ends", async () => {
    const { ask, asked } = setUp({ failuresMax: 2, retry: { attempts: 5 } });
    expect((await ask(fails)).error).toMatchObject({ code: "circuit-open" });
    expect(asked).toHaveLength(2);
  });
});

test.each([
  ["Bank account", {}, "Dependency name"],
  ["bank", { timeoutMs: 0 }, 'timeoutMs of dependency "bank" is 0; it must be a whole number, 1 to 900000'],
  ["bank", { retry: { attempts: 0 } }, "attempts of retry of dependency"],
  ["bank", { retries: 3 }, 'Unknown option "retries"'],
  ["bank", { failuresMax: 1.5 }, "failuresMax"],
])("a declaration %j with %j is refused", (name, options, message) => {
  expect(() => dependency(name, options as DependencyOptions)).toThrow(message);
});
