import { accept, createRuntime, holdfast, silentLogger, type Principal, type Runtime } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp, createVirtualSystem } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };
type Code = (input: {}, ctx: WorkflowContext<undefined, {}>) => Promise<unknown>;

const sleeper = workflow("sleeper", { input: z.object({}), run: async (_input, ctx) => ctx.sleep({ days: 1 }) });
const quick = workflow("quick", { input: z.object({}), run: async (_input, ctx) => ctx.run("one", () => 1) });
const talker = h
  .entity("talker", { initial: () => 0, events: { talked: z.object({}) }, evolve: { talked: (n) => n + 1 } })
  .command("talk", {
    decide: (_n, _input, { events }) => accept(events.talked({}), { reply: { text: "x".repeat(120_000) } }),
  });

const flowOf = (run: Code, options: object = {}) =>
  workflow("flow", { input: z.object({}), timeoutMs: 600_000, run, ...options });

function start(run: Code, { journal = createMemoryJournal(), options = {}, seed = 1 } = {}) {
  const app = h.app({ entities: [talker], workflows: [flowOf(run, options), sleeper, quick] });
  const test = createTestApp(app, { journal, seed });
  const send = (command: string, entity = "flow", id = "f") =>
    test.execute({ entity, id, command, principal: somebody, ...(command === "start" && { input: {} }) });
  const view = async (entity = "flow", id = "f") =>
    (await test.view({ entity, id, principal: somebody })).view as {
      readonly status: string;
      readonly [name: string]: unknown;
    };
  return { run: test, journal, send, view };
}

async function begun(code: Code, ms = 1_000) {
  const started = start(code);
  await started.send("start");
  await started.run.clock.advance(ms);
  return started;
}

/** Fulfilled from outside. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe("children", () => {
  test("one that ends before its parent has stored that it began is heard of all the same", async () => {
    const journal = createMemoryJournal();
    const code: Code = (_input, ctx) => ctx.child(quick, {});
    // Dies when the child has begun: its append never gets to the journal.
    const dying = createRuntime(h.app({ entities: [], workflows: [flowOf(code), quick] }), {
      journal,
      system: createVirtualSystem({ seed: 9 }),
    });
    await dying.execute({ entity: "flow", id: "f", command: "start", input: {}, principal: somebody });
    const half: Runtime = {
      ...dying,
      execute: (asked) => (asked.command === "advance" ? new Promise(() => {}) : dying.execute(asked)),
    };
    const context = { services: undefined, log: silentLogger, signal: new AbortController().signal };
    const eventOf = (subject: string) => ({ tenant: "default", subject });
    // What a driver looks at, of an event and of a handler's context.
    void flowOf(code).driver.definition.handle(eventOf("f") as never, context as never, half, {});
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    const { run, view } = start(code, { journal });
    await quick.driver.definition.handle(eventOf("flow.f.1.1") as never, context as never, run, {});
    await run.clock.advance(1_000);
    expect(await view("quick", "flow.f.1.1")).toMatchObject({ status: "completed" });
    // The parent's event comes again.
    await flowOf(code).driver.definition.handle(eventOf("f") as never, context as never, run, {});
    await run.clock.advance(1_000);
    expect(await view()).toMatchObject({ status: "completed", output: 1, waiting: [] });
  });

  test("those of two parents of the same id are two", async () => {
    const other = workflow("other", { input: z.object({}), run: (_input, ctx) => ctx.child(quick, {}) });
    const app = h.app({ entities: [], workflows: [flowOf((_input, ctx) => ctx.child(quick, {})), other, quick] });
    const run = createTestApp(app);
    for (const entity of ["flow", "other"])
      await run.execute({ entity, id: "f", command: "start", input: {}, principal: somebody });
    await run.delivered();
    for (const entity of ["flow", "other"])
      expect((await run.view({ entity, id: "f", principal: somebody })).view).toMatchObject({ status: "completed" });
  });

  test("one that is cancelled is its parent's failure, not its parent's being cancelled", async () => {
    const { run, send, view } = await begun((_input, ctx) => ctx.child(sleeper, {}));
    await send("cancel", "sleeper", "flow.f.1.1");
    await run.clock.advance(1_000);
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "workflow-cancelled" } });
  });

  test("are over before their parent undoes anything", async () => {
    const log: string[] = [];
    const { open, opened } = gate();
    const user = workflow("user", {
      input: z.object({}),
      run: async (_input, ctx) =>
        ctx.run("use", async () => {
          log.push("in use");
          await opened;
          log.push("used");
        }),
    });
    const flow = flowOf(async (_input, ctx) => {
      await ctx.run("reserve", () => void log.push("reserved"), { undo: () => void log.push("given back") });
      await ctx.child(user, {});
    });
    const run = createTestApp(h.app({ entities: [], workflows: [flow, user] }));
    await run.call(flow, "f").start({});
    await run.clock.advance(1_000);
    await run.call(flow, "f").cancel();
    await run.clock.advance(1_000);
    expect(log).toEqual(["reserved", "in use"]);
    open();
    await run.clock.advance(60_000);
    expect(log).toEqual(["reserved", "in use", "used", "given back"]);
    expect((await run.view({ entity: "flow", id: "f", principal: somebody })).view).toMatchObject({
      status: "cancelled",
    });
  });
});

describe("undoing", () => {
  test("waits for what a branch does to clean up, and undoes that, too", async () => {
    const log: string[] = [];
    const { open, opened } = gate();
    const deep = async <T>(levels: number, work: () => Promise<T>): Promise<T> =>
      levels === 0 ? work() : await deep(levels - 1, work);
    const { run, send, view } = await begun(async (_input, ctx) => {
      await ctx.run("hotel", () => void log.push("hotel"), { undo: () => void log.push("undo hotel") });
      const branch = async () => {
        try {
          await deep(3, () => ctx.sleep({ days: 1 }));
        } catch {
          const book = async () => {
            log.push("book begins");
            await opened;
            log.push("book ends");
          };
          await ctx.run("book", book, { undo: () => void log.push("undo book") });
          await ctx.run("tidy", () => void log.push("tidy"));
        }
      };
      await ctx.all([ctx.sleep({ days: 1 }), branch()]);
    });
    await send("cancel");
    await run.clock.advance(1_000);
    expect(log).toEqual(["hotel", "book begins"]);
    open();
    await run.clock.advance(60_000);
    expect(log).toEqual(["hotel", "book begins", "book ends", "tidy", "undo book", "undo hotel"]);
    expect(await view()).toMatchObject({ status: "cancelled" });
  });

  test("does not wait for branches where the code has caught a cancel, goes on, and fails of something else", async () => {
    const log: string[] = [];
    const { run, send, view } = await begun(async (_input, ctx) => {
      await ctx.run("pay", () => 1, { undo: () => void log.push("unpay") });
      await ctx.sleep({ days: 1 }).catch(() => {});
      await ctx.all([
        ctx.sleep({ days: 2 }),
        ctx.run("fail", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } }),
      ]);
    });
    await send("cancel");
    await run.clock.advance(10_000);
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "step-failed" }, waiting: [] });
    expect(log).toEqual(["unpay"]);
  });

  test("is of every accepted command, also of one whose reply is too large to be stored", async () => {
    const log: string[] = [];
    const { view } = await begun((_input, ctx) =>
      ctx.call(talker, "t", { undo: () => void log.push("undone") }).talk(),
    );
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "result-refused" } });
    expect(log).toEqual(["undone"]);
  });

  test("has room behind a history that is full, by a cancel", async () => {
    const log: string[] = [];
    const { run, send, view } = await begun(async (_input, ctx) => {
      await ctx.run("pay", () => 1, { undo: () => void log.push("unpay") });
      await ctx.run("book", () => 1, { undo: () => void log.push("unbook") });
      for (;;) await ctx.all(Array.from({ length: 900 }, (_, i) => ctx.run(`s${i}`, () => 1)));
    });
    await run.delivered();
    expect(await view()).toMatchObject({ status: "stopped", failure: { code: "history-full" } });
    await send("cancel");
    await run.delivered();
    expect(await view()).toMatchObject({ status: "cancelled" });
    expect(log).toEqual(["unbook", "unpay"]);
  });

  test("of a step with the longest name there is works, and with a bad retry nothing is begun", async () => {
    const log: string[] = [];
    const name = "n".repeat(200);
    const long = await begun(async (_input, ctx) => {
      await ctx.run(name, () => 1, { undo: () => void log.push("undone") });
      throw new Error("y".repeat(200_000));
    });
    expect(await long.view()).toMatchObject({ status: "failed" });
    expect(log).toEqual(["undone"]);
    for (const options of [{ retry: { attempts: 0 } }, { timeoutMs: Number.NaN }]) {
      const bad = await begun((_input, ctx) => ctx.run("step", () => void log.push("begun"), options));
      expect(await bad.view()).toMatchObject({ status: "failed" });
    }
    expect(log).toEqual(["undone"]);
  });
});

test("an endless workflow comes to a new version with continueAsNew", async () => {
  const ticking =
    (name: string): Code =>
    async (_input, ctx) => {
      await ctx.run(name, () => 1);
      await ctx.sleep({ hours: 1 });
      return ctx.continueAsNew({});
    };
  const { journal, run } = await begun(ticking("one"));
  await run.close();
  const options = { version: 2, earlier: { 1: ticking("one") } };
  const newer = start(ticking("two"), { journal, options, seed: 2 });
  await newer.run.clock.advance(3_600_000);
  await newer.run.clock.advance(3_600_000);
  expect(await newer.view()).toMatchObject({ status: "running", version: 2 });
});

test.each([0, -1, 1.5, Number.NaN])("a map with a concurrency of %d is refused", async (concurrency) => {
  const { view } = await begun((_input, ctx) => ctx.map([1], async () => 1, { concurrency }));
  expect(await view()).toMatchObject({ status: "failed", failure: { code: "invalid-operation" } });
});
