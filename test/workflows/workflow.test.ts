import { accept, holdfast, HoldfastError, reject, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

interface Services {
  readonly log: string[];
  readonly fail: Map<string, number>;
}

const h = holdfast<Services>();
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

const account = h
  .entity("account", {
    initial: () => 0,
    events: { paidIn: z.object({ amount: z.number() }), taken: z.object({ amount: z.number() }) },
    evolve: { paidIn: (sum: number, { amount }) => sum + amount, taken: (sum, { amount }) => sum - amount },
  })
  .command("payIn", {
    input: z.object({ amount: z.number() }),
    decide: (_sum, input, { events }) => events.paidIn(input),
  })
  .command("take", {
    input: z.object({ amount: z.number() }),
    decide: (sum, input, { events }) =>
      sum < input.amount
        ? reject("too-little", "There is too little.")
        : accept([events.taken(input)], { reply: sum - input.amount }),
  });

type Ctx = WorkflowContext<Services, { readonly go: z.ZodNumber; readonly note: z.ZodString }>;

/** A workflow with that code, in an app of its own. */
function start(code: (input: { readonly n: number }, ctx: Ctx) => Promise<unknown>, options: object = {}) {
  const flow = workflow("flow", {
    input: z.object({ n: z.number().default(0) }),
    signals: { go: z.number(), note: z.string() },
    run: code,
    ...options,
  });
  const child = workflow("child", {
    input: z.object({ n: z.number() }),
    signals: {},
    run: async ({ n }: { readonly n: number }, ctx: WorkflowContext<Services, {}>) => {
      if (n < 0) throw new HoldfastError("too-low", "It is too low.");
      return ctx.run("double", () => n * 2);
    },
  });
  const app = h.app({ entities: [account], workflows: [flow, child] });
  const log: string[] = [];
  const fail = new Map<string, number>();
  const journal = createMemoryJournal();
  const run = createTestApp(app, { services: { log, fail }, journal });
  const send = (command: string, input?: unknown, key?: string) =>
    run.execute({ entity: "flow", id: "f", command, input, principal: somebody, ...(key !== undefined && { key }) });
  const view = async () => (await run.view({ entity: "flow", id: "f", principal: somebody })).view;
  const wait = async (ms: number) => {
    await run.delivered();
    await run.clock.advance(ms);
    await run.delivered();
  };
  return { run, flow, child, journal, log, fail, send, view, wait };
}

describe("a workflow", () => {
  test("runs its steps one after the other, each once, and returns", async () => {
    const { send, view, log, run } = start(async ({ n }, ctx) => {
      const one = await ctx.run("one", ({ services }) => {
        services.log.push("one");
        return n + 1;
      });
      const two = await ctx.run("two", ({ services }) => {
        services.log.push("two");
        return one * 2;
      });
      return { two };
    });
    expect(await send("start", { n: 4 })).toMatchObject({ ok: true });
    await run.delivered();
    expect(await view()).toMatchObject({ status: "completed", output: { two: 10 }, run: 1, waiting: [] });
    expect(log).toEqual(["one", "two"]);
  });

  test("is started once for an id; with the same key again it is the same start", async () => {
    const { send } = start(async () => {});
    expect(await send("start", { n: 1 }, "k")).toMatchObject({ ok: true, replayed: false });
    expect(await send("start", { n: 1 }, "k")).toMatchObject({ ok: true, replayed: true });
    expect(await send("start", { n: 2 })).toMatchObject({ ok: false, code: "workflow-exists" });
    await expect(send("start", { n: 2 }, "k")).rejects.toMatchObject({ code: "idempotency-key-reused" });
    await expect(send("start", { n: "x" })).rejects.toMatchObject({ code: "validation-failed" });
  });

  test("sleeps without a process, and goes on when it is time", async () => {
    const { send, view, wait, run } = start(async (_input, ctx) => {
      const before = ctx.now();
      await ctx.sleep({ minutes: 10 });
      return ctx.now() - before;
    });
    await send("start", {});
    await run.delivered();
    expect(await view()).toMatchObject({ status: "running", waiting: [{ n: 1, kind: "sleep" }] });
    await wait(9 * 60_000);
    expect(await view()).toMatchObject({ status: "running" });
    await wait(61_000);
    expect(await view()).toMatchObject({ status: "completed", output: expect.any(Number) as number });
  });

  test("waits for a signal; one that came before is kept, in its order", async () => {
    const { send, view, run } = start(async (_input, ctx) => {
      await ctx.run("first", () => null);
      const go = await ctx.until("go");
      const note = await ctx.until("note");
      const again = await ctx.until("go");
      return [go, note, again];
    });
    await send("start", {});
    await send("signal-note", "hi");
    await run.delivered();
    await send("signal-go", 1);
    await send("signal-go", 2);
    await run.delivered();
    expect(await view()).toMatchObject({
      status: "completed",
      output: [
        { ok: true, data: 1 },
        { ok: true, data: "hi" },
        { ok: true, data: 2 },
      ],
    });
    expect(await send("signal-go", 3)).toMatchObject({ ok: false, code: "workflow-ended" });
    await expect(send("signal-go", "x")).rejects.toMatchObject({ code: "validation-failed" });
    await expect(send("signal-none", 1)).rejects.toMatchObject({ code: "unknown-command" });
  });

  test("gives up waiting when its time is over", async () => {
    const { send, view, wait } = start(async (_input, ctx) => ctx.until("go", { timeoutMs: 60_000 }));
    await send("start", {});
    await wait(61_000);
    expect(await view()).toMatchObject({ status: "completed", output: { ok: false, code: "timed-out" } });
  });

  test("calls other entities, each once; a rejection is an answer", async () => {
    const { send, view, run } = start(async (_input, ctx) => {
      const first = await ctx.call(account, "a").payIn({ amount: 10 });
      const second = await ctx.call(account, "a").take({ amount: 50 });
      const third = await ctx.call(account, "a").take({ amount: 4 });
      return [first.ok, second.ok || second.code, third.ok && third.reply];
    });
    await send("start", {});
    await run.delivered();
    expect(await view()).toMatchObject({ status: "completed", output: [true, "too-little", 6] });
  });

  test("tries a step again that has failed, soon or later, and tells it by the same key", async () => {
    const { send, view, log, wait, run } = start(async (_input, ctx) =>
      ctx.run(
        "shaky",
        ({ services, key, attempt }) => {
          services.log.push(`${attempt} ${key}`);
          if (attempt < 4) throw new Error("not yet");
          return attempt;
        },
        { retry: { attempts: 5, firstMs: 400, maxMs: 60_000 } },
      ),
    );
    await send("start", {});
    await run.delivered();
    // Not before its time.
    expect(log).toHaveLength(1);
    expect(await view()).toMatchObject({ waiting: [{ n: 1, kind: "run", name: "shaky" }] });
    for (let i = 0; i < 20; i++) await wait(2_000);
    expect(await view()).toMatchObject({ status: "completed", output: 4 });
    expect(log.map((line) => line.split(" ")[0])).toEqual(["1", "2", "3", "4"]);
    expect(new Set(log.map((line) => line.split(" ")[1])).size).toBe(1);
  });

  test("fails with what a step has failed with at last; its code may catch it", async () => {
    const { send, view, run } = start(async ({ n }, ctx) => {
      const step = ctx.run(
        "bad",
        () => {
          throw new HoldfastError("no-way", "It does not work.");
        },
        { retry: { attempts: 1 } },
      );
      return n === 1 ? step.catch((error: HoldfastError) => error.code) : step;
    });
    await send("start", { n: 0 });
    await run.delivered();
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "no-way", message: "It does not work." } });
    await run.execute({ entity: "flow", id: "g", command: "start", input: { n: 1 }, principal: somebody });
    await run.delivered();
    expect((await run.view({ entity: "flow", id: "g", principal: somebody })).view).toMatchObject({ output: "no-way" });
  });

  test("undoes what was done, the last one first, where it fails", async () => {
    const { send, view, log, run } = start(async (_input, ctx) => {
      const note =
        (what: string) =>
        ({ services }: { readonly services: Services }) =>
          void services.log.push(what);
      await ctx.run("a", note("a"));
      ctx.compensate("a", note("undo a"));
      await ctx.run("b", note("b"));
      ctx.compensate("b", note("undo b"));
      throw new Error("enough");
    });
    await send("start", {});
    await run.delivered();
    expect(log).toEqual(["a", "b", "undo b", "undo a"]);
    expect(await view()).toMatchObject({
      status: "failed",
      failure: { code: "workflow-failed", message: "Error: enough" },
    });
  });

  test("is cancelled: what it waits for fails, and what was done is undone", async () => {
    const { send, view, log, run } = start(async (_input, ctx) => {
      ctx.compensate("all", ({ services }) => void services.log.push("undone"));
      try {
        await ctx.until("go");
      } finally {
        await ctx.run("clean up", ({ services }) => void services.log.push("cleaned"));
      }
    });
    await send("start", {});
    await run.delivered();
    expect(await send("cancel")).toMatchObject({ ok: true });
    await run.delivered();
    expect(log).toEqual(["cleaned", "undone"]);
    expect(await view()).toMatchObject({ status: "cancelled", failure: { code: "workflow-cancelled" } });
    expect(await send("cancel")).toMatchObject({ ok: false, code: "workflow-ended" });
  });

  test("runs steps at once, and hears of them in the order of its history", async () => {
    const { send, view, run } = start(async (_input, ctx) => {
      const all = await ctx.all([1, 2, 3].map((n) => ctx.run(`s${n}`, async () => n)));
      const first = await ctx.race([ctx.until("go"), ctx.run("fast", () => "fast")]);
      const mapped = await ctx.map([1, 2, 3, 4], (n) => ctx.run(`m${n}`, () => n * n), { concurrency: 2 });
      return { all, first, mapped };
    });
    await send("start", {});
    await run.delivered();
    expect(await view()).toMatchObject({
      status: "completed",
      output: { all: [1, 2, 3], first: "fast", mapped: [1, 4, 9, 16] },
    });
  });

  test("has children, and hears what becomes of them", async () => {
    const parts: { child?: never } = {};
    const { send, view, run, child } = start(async ({ n }, ctx) => {
      const good = await ctx.child(parts.child as never, { n: 3 });
      const bad = await ctx.child(parts.child as never, { n }).catch((error: HoldfastError) => error.code);
      const wrong = await ctx.child(parts.child as never, { n: "x" }).catch((error: HoldfastError) => error.code);
      return { good, bad, wrong };
    });
    parts.child = child as never;
    await send("start", { n: -1 });
    await run.delivered();
    expect(await view()).toMatchObject({
      status: "completed",
      output: { good: 6, bad: "too-low", wrong: "validation-failed" },
    });
  });

  test("cancels its children with itself", async () => {
    const flow = workflow("slow", {
      input: z.object({ n: z.number() }),
      signals: {},
      run: async (_input: { readonly n: number }, ctx: WorkflowContext<Services, {}>) => ctx.sleep({ days: 1 }),
    });
    const parent = workflow("parent", {
      input: z.object({}),
      signals: {},
      run: async (_input: object, ctx: WorkflowContext<Services, {}>) => ctx.child(flow, { n: 1 }, { id: "kid" }),
    });
    const both = createTestApp(h.app({ entities: [], workflows: [flow, parent] }), {
      services: { log: [], fail: new Map() },
    });
    const status = async (entity: string, id: string) =>
      ((await both.view({ entity, id, principal: somebody })).view as { status: string }).status;
    await both.execute({ entity: "parent", id: "p", command: "start", input: {}, principal: somebody });
    await both.delivered();
    expect(await status("slow", "kid")).toBe("running");
    await both.execute({ entity: "parent", id: "p", command: "cancel", principal: somebody });
    await both.delivered();
    expect([await status("parent", "p"), await status("slow", "kid")]).toEqual(["cancelled", "cancelled"]);
  });

  test("continues as new, with the signals that nobody has waited for", async () => {
    const { send, view, run } = start(async ({ n }, ctx) => {
      if (n < 3) {
        await ctx.run("step", () => null);
        return ctx.continueAsNew({ n: n + 1 });
      }
      return (await ctx.until("go")).ok;
    });
    await send("start", { n: 0 });
    await send("signal-go", 7);
    await run.delivered();
    expect(await view()).toMatchObject({ status: "completed", run: 4, output: true });
  });

  test("time, chance and ids are the same each time", async () => {
    const seen: unknown[] = [];
    const { send, run } = start(async (_input, ctx) => {
      seen.push([ctx.now(), ctx.random(), ctx.uuid()]);
      await ctx.sleep(1_000);
    });
    await send("start", {});
    await run.delivered();
    await run.clock.advance(2_000);
    await run.delivered();
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toEqual([
      expect.any(Number),
      expect.any(Number),
      expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
    ]);
  });
});
