import { holdfast, HoldfastError, type App, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow, type WorkflowContext, type WorkflowOptions } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const h = holdfast<{ readonly log: string[] }>();
type Services = { readonly log: string[] };
type Ctx = WorkflowContext<Services, { readonly go: z.ZodNumber }>;
type Code = (input: { readonly n: number }, ctx: Ctx) => Promise<unknown>;
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

function appOf(code: Code, options: object = {}): App<unknown, Services> {
  const flow = workflow("flow", {
    input: z.object({ n: z.number().default(0) }),
    signals: { go: z.number() },
    run: code,
    ...options,
  });
  return h.app({ entities: [], workflows: [flow] });
}

let seed = 0;

/** The app on a journal; another one on the same journal is newer code. */
function start(code: Code, options: object = {}, journal = createMemoryJournal()) {
  const log: string[] = [];
  const lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  const note = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger = { debug: () => {}, info: note("info"), warn: note("warn"), error: note("error") };
  const run = createTestApp(appOf(code, options), { services: { log }, journal, log: logger, seed: ++seed });
  const send = (command: string, input?: unknown) =>
    run.execute({ entity: "flow", id: "f", command, input, principal: somebody });
  const view = async () => (await run.view({ entity: "flow", id: "f", principal: somebody })).view;
  return { run, journal, log, lines, send, view };
}

async function begun(code: Code, options: object = {}) {
  const started = start(code, options);
  await started.send("start", {});
  await started.run.delivered();
  return started;
}

describe("a workflow's code that is not what it was", () => {
  const before: Code = async (_input, ctx) => {
    await ctx.run("one", () => 1);
    await ctx.until("go");
    return ctx.run("two", () => 2);
  };

  test.each<[string, Code]>([
    ["asks for another step", async (_input, ctx) => ctx.run("other", () => 1)],
    ["waits where it ran", async (_input, ctx) => ctx.until("go")],
    [
      "has a step in between",
      async (_input, ctx) => {
        await ctx.run("one", () => 1);
        await ctx.run("new", () => 1);
        return ctx.until("go");
      },
    ],
    ["returns at once", async () => 5],
  ])("%s: it stops, says what was and what is, and goes on with the old code", async (_what, code) => {
    const { journal, run } = await begun(before);
    await run.close();
    const changed = start(code, {}, journal);
    await changed.send("signal-go", 1);
    await changed.run.delivered();
    expect(await changed.view()).toMatchObject({ status: "stopped", failure: { code: "workflow-not-deterministic" } });
    const { failure } = (await changed.view()) as { failure: { message: string } };
    expect(failure.message).toContain('Then: 1 run "one"');
    expect(failure.message).toContain("Now: ");
    expect(changed.lines).toContainEqual(expect.objectContaining({ level: "error", message: failure.message }));
    await changed.run.close();
    // Nothing is lost: with the code that it began with it goes on.
    const mended = start(before, {}, journal);
    expect(await mended.send("retry")).toMatchObject({ ok: true });
    await mended.run.delivered();
    expect(await mended.view()).toMatchObject({ status: "completed", output: 2 });
    expect(await mended.send("retry")).toMatchObject({ ok: false, code: "workflow-not-stopped" });
  });

  test("ends with the version that it began with, where that is still there; new ones begin with the new one", async () => {
    const { journal, run } = await begun(before);
    await run.close();
    const next: Code = async (_input, ctx) => ctx.run("all", () => "new");
    const newer = start(next, { version: 2, earlier: { 1: before } }, journal);
    await newer.send("signal-go", 1);
    await newer.run.execute({ entity: "flow", id: "g", command: "start", input: {}, principal: somebody });
    await newer.run.delivered();
    expect(await newer.view()).toMatchObject({ status: "completed", output: 2, version: 1 });
    const other = await newer.run.view({ entity: "flow", id: "g", principal: somebody });
    expect(other.view).toMatchObject({ status: "completed", output: "new", version: 2 });
  });

  test("waits for code that has its version", async () => {
    const { journal, run } = await begun(before);
    await run.close();
    const without = start(async () => 0, { version: 2 }, journal);
    await without.send("signal-go", 1);
    await without.run.clock.advance(10_000);
    expect(await without.view()).toMatchObject({ status: "running" });
    await without.run.close();
    const mended = start(before, {}, journal);
    for (let i = 0; i < 20; i++) {
      await mended.run.clock.advance(60_000);
      await mended.run.delivered();
    }
    expect(await mended.view()).toMatchObject({ status: "completed", output: 2 });
  });

  test("catches nothing of it", async () => {
    const { journal, run } = await begun(before);
    await run.close();
    const sly = start(
      async (_input, ctx) => {
        try {
          return await ctx.run("other", () => 1);
        } catch {
          return "caught";
        }
      },
      {},
      journal,
    );
    await sly.send("signal-go", 1);
    await sly.run.delivered();
    expect(await sly.view()).toMatchObject({ status: "stopped" });
  });
});

describe("a step", () => {
  test.each<[string, () => unknown, string, string]>([
    ["a date", () => new Date(0), "result-refused", "not"],
    ["a function", () => () => 1, "result-refused", "not"],
    ["too much", () => "x".repeat(200_000), "result-refused", "98304 are allowed"],
  ])("that returns %s fails the workflow, once, with what is wrong", async (_what, result, code, text) => {
    let ran = 0;
    const { view } = await begun(async (_input, ctx) =>
      ctx.run("odd", () => {
        ran++;
        return result();
      }),
    );
    expect(await view()).toMatchObject({
      status: "failed",
      failure: { code, message: expect.stringContaining(text) as string },
    });
    expect(ran).toBe(1);
  });

  test.each<[string, unknown, string]>([
    ["a text", "oops", "oops"],
    ["undefined", undefined, "undefined"],
    ["an object without a prototype", Object.create(null), "no error was thrown"],
  ])("that throws %s fails with a text", async (_what, thrown, text) => {
    const { view } = await begun(async (_input, ctx) =>
      ctx.run(
        "odd",
        () => {
          throw thrown;
        },
        { retry: { attempts: 1 } },
      ),
    );
    expect(await view()).toMatchObject({
      status: "failed",
      failure: { code: "step-failed", message: expect.stringContaining(text) as string },
    });
  });

  test("is not tried again after an error that says never, or that the step names", async () => {
    const attempts: string[] = [];
    const { run, view } = await begun(async (_input, ctx) => {
      const bad = (code: string, retry: object) =>
        ctx
          .run(
            code,
            () => {
              attempts.push(code);
              throw code === "never"
                ? new HoldfastError(code, code, { retry: "never" })
                : Object.assign(new Error(code), { code });
            },
            { retry },
          )
          .catch(() => {});
      await bad("never", {});
      await bad("named", { never: ["named"] });
      await bad("other", { attempts: 2, firstMs: 1 });
    });
    await run.clock.advance(5_000);
    await run.delivered();
    expect(attempts).toEqual(["never", "named", "other", "other"]);
    expect(await view()).toMatchObject({ status: "completed" });
  });

  test("that takes too long is told so, and tried again", async () => {
    const seen: boolean[] = [];
    const { run, view } = start(async (_input, ctx) =>
      ctx.run(
        "slow",
        ({ signal, attempt }) =>
          attempt > 1
            ? "done"
            : new Promise((resolve) => signal.addEventListener("abort", () => (seen.push(true), resolve(null)))),
        { timeoutMs: 1_000, retry: { firstMs: 1 } },
      ),
    );
    await run.execute({ entity: "flow", id: "f", command: "start", input: {}, principal: somebody });
    for (let i = 0; i < 5; i++) await run.clock.advance(1_500);
    await run.delivered();
    expect(await view()).toMatchObject({ status: "completed", output: "done" });
    expect(seen).toEqual([true]);
  });
});

describe("a workflow", () => {
  test("that throws something that is no error fails with a text", async () => {
    const { view } = await begun(async () => {
      throw "oops";
    });
    expect(await view()).toMatchObject({
      status: "failed",
      failure: { code: "workflow-failed", message: expect.stringContaining("oops") as string },
    });
  });

  test("that returns what is no JSON fails", async () => {
    const { view } = await begun(async () => new Map());
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "result-refused" } });
  });

  test("that waits for something outside of its context stops, and says what to do", async () => {
    const { view } = await begun(async () => new Promise(() => {}));
    expect(await view()).toMatchObject({
      status: "stopped",
      failure: { code: "workflow-waits-for-nothing", message: expect.stringContaining("ctx.run") as string },
    });
  });

  test.each<[string, Code]>([
    ["sleeps for ever", async (_input, ctx) => ctx.sleep(Infinity)],
    ["sleeps for a time that is none", async (_input, ctx) => ctx.sleep(Number.NaN)],
    ["waits for too long", async (_input, ctx) => ctx.until("go", { timeoutMs: 1e15 })],
    ["has a step without a name", async (_input, ctx) => ctx.run("", () => 1)],
    ["has a step whose name is a page", async (_input, ctx) => ctx.run("x".repeat(201), () => 1)],
  ])("that %s fails with what is allowed", async (_what, code) => {
    const { view } = await begun(code);
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "invalid-operation" } });
  });

  test("whose results together are too much for an append stores them in several", async () => {
    const { view } = await begun(async (_input, ctx) => {
      const all = await ctx.all(Array.from({ length: 9 }, (_, i) => ctx.run(`s${i}`, () => "x".repeat(90_000))));
      return all.length;
    });
    expect(await view()).toMatchObject({ status: "completed", output: 9 });
  });

  test("whose results are too much for it stops with what is too large, and loses nothing", async () => {
    const { view } = await begun(async (_input, ctx) => {
      for (let i = 0; i < 20; i++) await ctx.run(`s${i}`, () => "x".repeat(90_000));
    });
    expect(await view()).toMatchObject({ status: "stopped", failure: { code: "entity-too-large" } });
  });

  test("that returns, or is cancelled, while a step runs tells the step to stop", async () => {
    const stopped: boolean[] = [];
    const { view, run } = start(async (_input, ctx) =>
      ctx.race([
        ctx.run(
          "slow",
          ({ signal }) =>
            new Promise((resolve) => signal.addEventListener("abort", () => (stopped.push(true), resolve(1)))),
        ),
        ctx.run("fast", () => "fast"),
      ]),
    );
    await run.execute({ entity: "flow", id: "f", command: "start", input: {}, principal: somebody });
    await run.delivered();
    expect(await view()).toMatchObject({ status: "completed", output: "fast" });
    expect(stopped).toEqual([true]);
  });

  test("that goes on for ever stops when its history is full, says how to mend that, and has warned", async () => {
    const { view, lines } = await begun(async (_input, ctx) => {
      for (;;)
        await ctx.map(
          Array.from({ length: 500 }, (_, i) => i),
          (i) => ctx.run(`s${i}`, () => null),
          { concurrency: 500 },
        );
    });
    expect(await view()).toMatchObject({
      status: "stopped",
      failure: { code: "history-full", message: expect.stringContaining("continueAsNew") as string },
    });
    expect(lines.some(({ level, message }) => level === "warn" && message.includes("continueAsNew"))).toBe(true);
  });

  test("that is stopped does nothing more, also where it waits for more than it could store", async () => {
    let ran = 0;
    const { view } = await begun(async (_input, ctx) => {
      const step = (i: number) => ctx.run(`s${i}`, () => (ran++, "x".repeat(90_000)));
      await ctx.all(Array.from({ length: 20 }, (_, i) => step(i)));
    });
    expect(await view()).toMatchObject({ status: "stopped", failure: { code: "entity-too-large" } });
    expect(ran).toBe(20);
  });

  test("that continues with what is no JSON fails, and is not given up as a message", async () => {
    const { view } = await begun(async (_input, ctx) => ctx.continueAsNew({ at: new Date(0) }));
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "result-refused" } });
  });

  test("that asks for too much at once is told so", async () => {
    const { view } = await begun(async (_input, ctx) => {
      const all = Array.from({ length: 1_001 }, () => ctx.until("go"));
      return Promise.all(all);
    });
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "too-many-operations" } });
  });

  test("that takes longer than its deadline is cancelled, and fails as such", async () => {
    const { run, view, log } = await begun(
      async (_input, ctx) => {
        ctx.compensate("all", ({ services }) => void services.log.push("undone"));
        await ctx.sleep({ days: 2 });
      },
      { deadline: { hours: 1 } },
    );
    await run.clock.advance(3_601_000);
    await run.delivered();
    expect(await view()).toMatchObject({ status: "failed", failure: { code: "workflow-timed-out" } });
    expect(log).toEqual(["undone"]);
  });

  test("hears nothing of what is for its own machinery, whoever sends it", async () => {
    const { send, view } = await begun(async (_input, ctx) => ctx.until("go"));
    for (const command of ["begin", "open", "advance", "wake", "child-ended", "expire"]) {
      await expect(send(command, { n: 1, run: 1, facts: [], input: {} })).rejects.toMatchObject({
        code: "unknown-command",
      });
    }
    expect(await view()).toMatchObject({ status: "running", facts: 1 });
  });

  test("that was never started has no signals, and nothing to cancel", async () => {
    const { send } = start(async () => {});
    for (const [command, input] of [
      ["signal-go", 1],
      ["cancel", undefined],
      ["retry", undefined],
    ] as const) {
      await expect(send(command, input)).rejects.toMatchObject({ code: "not-found" });
    }
  });
});

describe("a workflow's declaration", () => {
  const options = { input: z.object({}), run: async () => {} };
  test.each([
    [{ input: undefined }, "Standard Schema"],
    [{ run: undefined }, "needs run"],
    [{ version: 0 }, "version"],
    [{ version: 1, earlier: { 1: async () => {} } }, "below 1"],
    [{ signals: { "not ok": z.any() } }, "not allowed"],
    [{ signals: { ["x".repeat(33)]: z.any() } }, "longer than 32"],
    [{ signals: { go: "no schema" } }, "Standard Schema"],
    [{ timeoutMs: 1_000 }, "5,000"],
    [{ deadline: { fortnights: 1 } }, "fortnights"],
    [{ retries: 5 }, 'Unknown option "retries"'],
  ])("is refused with %j", (changes, text) => {
    expect(() =>
      workflow("flow", { ...options, ...changes } as unknown as WorkflowOptions<never, z.ZodAny, void, {}>),
    ).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) as string }),
    );
  });
});
