import { holdfast, reject, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow, type UndoContext, type WorkflowContext } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

interface Services {
  readonly log: string[];
  /** How long the stock takes to answer, and the bank, milliseconds. */
  readonly ms: number;
  readonly pause: (ms: number) => Promise<void>;
}
const h = holdfast<Services>();
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

/** What is given back must have been taken before: it does not forgive another order. */
const stock = h
  .entity("stock", {
    initial: () => ({ taken: 0 }),
    events: { taken: z.object({}), given: z.object({}) },
    evolve: { taken: ({ taken }) => ({ taken: taken + 1 }), given: ({ taken }) => ({ taken: Math.max(0, taken - 1) }) },
  })
  .command("take", {
    prepare: (_input, { services }) => services.pause(services.ms),
    decide: (_state, _input, { events }) => events.taken({}),
  })
  .command("refuse", { decide: () => reject("full", "There is no room.") })
  .command("giveBack", { decide: ({ taken }, _input, { events }) => (taken > 0 ? events.given({}) : []) });

type Code = (input: {}, ctx: WorkflowContext<Services, {}>) => Promise<unknown>;

const part = workflow("part", {
  input: z.object({}),
  run: async (_input, ctx) => ctx.sleep({ days: 1 }),
});

let seed = 0;

function start(code: Code, ms: number, journal = createMemoryJournal(), log: string[] = []) {
  const flow = workflow("flow", { input: z.object({}), run: code });
  const pauses: ((ms: number) => Promise<void>)[] = [];
  const services = { log, ms, pause: (wait: number) => pauses[0]?.(wait) ?? Promise.resolve() };
  const run = createTestApp(h.app({ entities: [stock], workflows: [flow, part] }), { journal, services, seed: ++seed });
  pauses.push((wait) => new Promise((resolve) => void run.system.after(wait, resolve)));
  const view = async (entity: string, id: string) => (await run.view({ entity, id, principal: somebody })).view;
  const send = (command: string, input?: unknown) =>
    run.execute({ entity: "flow", id: "f", command, input, principal: somebody });
  return { run, journal, log, send, view, flow };
}

const takes: Code = async (_input, ctx) => {
  ctx.compensate("take", async ({ call }) => void (await call(stock, "a").giveBack()));
  await ctx.call(stock, "a").take();
  await ctx.sleep({ days: 1 });
};

describe("a cancel", () => {
  test("that meets a command under way waits for it: what it has done is undone, and not before", async () => {
    const { run, send, view } = start(takes, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    await run.clock.advance(1_000);
    expect(await view("flow", "f")).toMatchObject({ status: "running" });
    await run.clock.advance(10_000);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled", failure: { code: "workflow-cancelled" } });
    const { view: a, version } = await run.view({ entity: "stock", id: "a", principal: somebody });
    expect([a, version]).toEqual([{ taken: 0 }, 2]);
  });

  test("that meets one of a process which then dies has the next one find out what became of it", async () => {
    const first = start(takes, 20_000);
    await first.send("start", {});
    await first.run.clock.advance(1_000);
    await first.send("cancel");
    await first.run.clock.advance(1_000);
    // The first one is silent from now on, and its command has not been stored; another instance goes on.
    const second = start(takes, 100, first.journal);
    await second.run.clock.advance(60_000);
    expect(await second.view("flow", "f")).toMatchObject({ status: "cancelled" });
    // It wakes up, and sends what it was about to send.
    await first.run.clock.advance(60_000);
    const { view: a, version } = await second.run.view({ entity: "stock", id: "a", principal: somebody });
    expect([a, version]).toEqual([{ taken: 0 }, 2]);
  });

  test("that meets several things has none undone before all of them are over", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      ctx.compensate("take", async ({ call }) => void (await call(stock, "a").giveBack()));
      await ctx.all([
        ctx.sleep({ days: 1 }),
        ctx.call(stock, "a").take(),
        ctx.run("look", ({ services }) => services.pause(2_000)),
      ]);
    }, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    await run.clock.advance(2_000);
    expect(await view("flow", "f")).toMatchObject({ status: "running" });
    await run.clock.advance(20_000);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled" });
    const { view: a, version } = await run.view({ entity: "stock", id: "a", principal: somebody });
    expect([a, version]).toEqual([{ taken: 0 }, 2]);
    expect(log).toEqual([]);
  });

  test("tells a step that runs, and waits for it: a step that takes no notice is over before it is undone", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      ctx.compensate("pay", ({ services }) => void services.log.push("paid back"));
      const pay = ctx.run("pay", async ({ services, signal }) => {
        signal.addEventListener("abort", () => services.log.push("told"));
        await services.pause(services.ms);
        services.log.push("paid");
      });
      await ctx.all([pay, ctx.run("look", ({ services }) => services.pause(2_000))]);
    }, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    // Who drives it hears of it with the next thing that is stored.
    await run.clock.advance(1_500);
    expect(log).toEqual(["told"]);
    await run.clock.advance(10_000);
    expect(log).toEqual(["told", "paid", "paid back"]);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled", waiting: [] });
  });

  test("does not wait for the next attempt at a step that has failed", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      ctx.compensate("pay", ({ services }) => void services.log.push("paid back"));
      await ctx.run(
        "pay",
        () => {
          throw new Error("no");
        },
        { retry: { attempts: 10, firstMs: 3_600_000, maxMs: 3_600_000 } },
      );
    }, 0);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    await run.clock.advance(1_000);
    expect(log).toEqual(["paid back"]);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled", waiting: [] });
  });

  test("a step that is cut off by it leaves nothing to be woken for, and its end is not before the step's", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      await ctx.run("pay", async ({ services }) => {
        await services.pause(services.ms);
        services.log.push("failing");
        throw new Error("no");
      });
    }, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    await run.clock.advance(1_000);
    expect(await view("flow", "f")).toMatchObject({ status: "running" });
    await run.clock.advance(10_000);
    expect(log).toEqual(["failing"]);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled", waiting: [] });
    expect(await run.timer({ entity: "flow", id: "f", principal: somebody }, "op-1")).toBeUndefined();
  });

  test("reaches a child that is just being begun, also where its beginning was not noted", async () => {
    const parent: Code = async (_input, ctx) => void (await ctx.child(part, {}, { id: "p" }));
    const { run, send, view } = start(parent, 0);
    // The child is begun in the same turn in which the cancel comes.
    await send("start", {});
    const cancelled = send("cancel");
    await run.clock.advance(10_000);
    await cancelled;
    await run.clock.advance(10_000);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled" });
    expect(((await view("part", "p")) as { status: string }).status).toMatch(/^(cancelled|none)$/);
  });
});

describe("an undo beside what it undoes", () => {
  const giveBack = async ({ call }: UndoContext<Services>): Promise<void> => void (await call(stock, "a").giveBack());

  test("is registered with the command's answer, also where a cancel has met it", async () => {
    const code: Code = async (_input, ctx) => {
      await ctx.call(stock, "a", { undo: giveBack }).take();
      await ctx.sleep({ days: 1 });
    };
    const first = start(code, 20_000);
    await first.send("start", {});
    await first.run.clock.advance(1_000);
    await first.send("cancel");
    await first.run.clock.advance(1_000);
    const second = start(code, 100, first.journal);
    await second.run.clock.advance(60_000);
    expect(await second.view("flow", "f")).toMatchObject({ status: "cancelled" });
    await first.run.clock.advance(60_000);
    const { view: a, version } = await second.run.view({ entity: "stock", id: "a", principal: somebody });
    expect([a, version]).toEqual([{ taken: 0 }, 2]);
  });

  test("of a command that was rejected is not run", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      const full = await ctx.call(stock, "a", { undo: ({ services }) => void services.log.push("undone") }).refuse();
      throw new Error(full.ok ? "" : full.code);
    }, 0);
    await send("start", {});
    await run.clock.advance(1_000);
    expect(await view("flow", "f")).toMatchObject({ status: "failed", failure: { message: "Error: full" } });
    expect(log).toEqual([]);
  });

  test("of a step knows the step's key, runs in reverse order, and also where nobody knows whether the step had an effect", async () => {
    const keys: string[] = [];
    const { run, send, log } = start(async (_input, ctx) => {
      const book = (what: string) =>
        ctx.run(
          what,
          ({ key }) => {
            keys.push(key);
            if (what === "c") throw new Error("full");
          },
          { retry: { attempts: 1 }, undo: ({ services, undoes }) => void services.log.push(undoes) },
        );
      await book("a");
      await book("b");
      await book("c");
    }, 0);
    await send("start", {});
    await run.clock.advance(10_000);
    expect(keys).toHaveLength(3);
    expect(log).toEqual(keys.toReversed());
  });

  test("is not run where the workflow ends well", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      const undo = ({ services }: UndoContext<Services>): void => void services.log.push("undone");
      await ctx.call(stock, "a", { undo }).take();
      await ctx.run("pay", () => 1, { undo });
      return "well";
    }, 0);
    await send("start", {});
    await run.clock.advance(10_000);
    expect(await view("flow", "f")).toMatchObject({ status: "completed", output: "well" });
    expect(log).toEqual([]);
  });

  test("of what is still under way when another part fails is run, too", async () => {
    const { run, send, view } = start(async (_input, ctx) => {
      await ctx.all([
        ctx.sleep({ days: 1 }),
        ctx.call(stock, "a", { undo: giveBack }).take(),
        ctx.run("look", ({ services }) => services.pause(2_000)),
      ]);
    }, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    await send("cancel");
    await run.clock.advance(20_000);
    expect(await view("flow", "f")).toMatchObject({ status: "cancelled" });
    const { view: a, version } = await run.view({ entity: "stock", id: "a", principal: somebody });
    expect([a, version]).toEqual([{ taken: 0 }, 2]);
  });

  test("of a command that is under way when another part fails is run behind it, whoever dies", async () => {
    const code: Code = async (_input, ctx) => {
      await ctx.all([
        ctx.call(stock, "a", { undo: giveBack }).take(),
        ctx.run("fail", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } }),
      ]);
    };
    const alone = start(code, 5_000);
    await alone.send("start", {});
    await alone.run.clock.advance(1_000);
    expect(await alone.view("flow", "f")).toMatchObject({ status: "running" });
    await alone.run.clock.advance(20_000);
    const stocks = async ({ run }: typeof alone) => {
      const { view, version } = await run.view({ entity: "stock", id: "a", principal: somebody });
      return [view, version];
    };
    expect(await alone.view("flow", "f")).toMatchObject({ status: "failed" });
    expect(await stocks(alone)).toEqual([{ taken: 0 }, 2]);

    const first = start(code, 20_000);
    await first.send("start", {});
    await first.run.clock.advance(1_000);
    const second = start(code, 100, first.journal);
    await second.run.clock.advance(60_000);
    expect(await second.view("flow", "f")).toMatchObject({ status: "failed" });
    await first.run.clock.advance(60_000);
    expect(await stocks(second)).toEqual([{ taken: 0 }, 2]);
  });

  test("of a step that runs when another part fails is run behind it", async () => {
    const { run, send, view, log } = start(async (_input, ctx) => {
      const pay = ctx.run(
        "pay",
        async ({ services, signal }) => {
          signal.addEventListener("abort", () => services.log.push("told"));
          await services.pause(services.ms);
          services.log.push("paid");
        },
        { undo: ({ services }) => void services.log.push("paid back") },
      );
      await ctx.all([pay, ctx.run("fail", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } })]);
    }, 5_000);
    await send("start", {});
    await run.clock.advance(1_000);
    expect(log).toEqual(["told"]);
    await run.clock.advance(20_000);
    expect(log).toEqual(["told", "paid", "paid back"]);
    expect(await view("flow", "f")).toMatchObject({ status: "failed", waiting: [] });
  });
});

test("a workflow that fails cancels its children, and waits for nothing any more", async () => {
  const { run, send, view } = start(async (_input, ctx) => {
    await ctx.all([
      ctx.child(part, {}, { id: "p" }),
      ctx.sleep({ days: 2 }),
      ctx.until("never" as never),
      (async () => {
        await ctx.sleep(1_000);
        throw new Error("no");
      })(),
    ]);
  }, 0);
  await send("start", {});
  await run.clock.advance(10_000);
  expect(await view("flow", "f")).toMatchObject({ status: "failed", waiting: [] });
  expect(await view("part", "p")).toMatchObject({ status: "cancelled" });
});

test("what nobody awaits ends no process when the workflow is cancelled", async () => {
  const rejected: unknown[] = [];
  const note = (reason: unknown): void => void rejected.push(reason);
  process.on("unhandledRejection", note);
  const { run, send, view } = start(async (_input, ctx) => {
    void ctx.sleep({ days: 1 });
    void ctx.run("pay", ({ services }) => services.pause(2_000));
    void ctx.child(part, {}, { id: "p" });
    void ctx.call(stock, "a").take();
    void ctx.until("never" as never);
    await ctx.sleep({ days: 2 });
  }, 3_000);
  await send("start", {});
  await run.clock.advance(1_000);
  await send("cancel");
  await run.clock.advance(20_000);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(rejected).toEqual([]);
  expect(await view("flow", "f")).toMatchObject({ status: "cancelled", waiting: [] });
  expect(await view("part", "p")).toMatchObject({ status: "cancelled" });
});
