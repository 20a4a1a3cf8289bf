import { createRuntime, holdfast, silentLogger, systemPrincipal, type AppendResult, type Runtime } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const signals = { go: z.string() };
type Ctx = WorkflowContext<unknown, typeof signals>;

/** A workflow that the test drives, on two instances of its app: what one has in its cache the other may have moved on. */
async function driven(code: (ctx: Ctx, elsewhere: (signal: string) => Promise<unknown>) => Promise<unknown>) {
  const at = { entity: "flow", id: "f", principal: systemPrincipal };
  const results: AppendResult[] = [];
  const journal = createMemoryJournal();
  const append: typeof journal.append = async (one) => {
    const result = await journal.append(one);
    results.push(result);
    return result;
  };
  const elsewhere = (data: string): Promise<unknown> =>
    other.runtime.execute({ ...at, command: "signal-go", input: data });
  const instance = (): { readonly runtime: Runtime; drive(): Promise<void> } => {
    const flow = workflow("flow", { input: z.object({}), signals, run: (_, ctx) => code(ctx, elsewhere) });
    const app = holdfast().app({ entities: [], workflows: [flow] });
    const runtime = createRuntime(app, { journal: { ...journal, append }, system: createVirtualSystem() });
    const drive = async (): Promise<void> => {
      const event = { tenant: systemPrincipal.tenant, subject: "f" };
      const context = { services: undefined, log: silentLogger, signal: new AbortController().signal };
      // Of what a handler gets, what a driver looks at.
      const { handle } = flow.driver.definition as unknown as {
        handle(event: unknown, context: unknown, runtime: unknown): unknown;
      };
      await handle(event, context, runtime);
    };
    return { runtime, drive };
  };
  const other = instance();
  const one = instance();
  await one.runtime.execute({ ...at, command: "start", input: {} });
  const view = async () => (await one.runtime.view(at)).view as { readonly status: string; readonly facts: number };
  const until = async (claim: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await claim())) await new Promise((resolve) => setImmediate(resolve));
  };
  return { ...one, other, view, until, results };
}

test("a finished step never waits for its sibling to be recorded", async () => {
  const gate = Promise.withResolvers<string>();
  const { drive, view, until } = await driven(async (ctx) =>
    ctx.all([ctx.run("soon", () => "soon"), ctx.run("late", () => gate.promise)]),
  );
  const going = drive();
  // It is there while the other one still runs: else this never ends.
  await until(async () => (await view()).facts === 1);
  expect(await view()).toMatchObject({ status: "running", facts: 1 });
  gate.resolve("late");
  await going;
  expect(await view()).toMatchObject({ status: "completed", output: ["soon", "late"], facts: 2 });
});

test("a step's append that loses to a signal is appended again with its result: the step does not run again", async () => {
  let runs = 0;
  const { drive, view, results } = await driven(async (ctx, elsewhere) => {
    const step = await ctx.run("step", async () => {
      // Another instance stores it: the slot that this one would append at is taken then.
      await elsewhere("come");
      return `run ${++runs}`;
    });
    return [step, await ctx.until("go")];
  });
  await drive();
  expect(results.filter((result) => result === "taken")).toHaveLength(1);
  expect(runs).toBe(1);
  expect(await view()).toMatchObject({ status: "completed", output: ["run 1", { ok: true, data: "come" }], facts: 2 });
});

test("the body advances in stream order only, live too: what a race hears first live it hears first again", async () => {
  const ran: string[] = [];
  const waits = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { drive, other, view, until } = await driven(async (ctx, elsewhere) => {
    const first = await ctx.race([
      ctx.until("go").then(() => "the signal"),
      ctx.run("step", async () => {
        // Behind what the driver has seen, before the step: so it is what the code hears first.
        await waits.promise;
        await elsewhere("come");
        return "the step";
      }),
    ]);
    await ctx.run(`after ${first}`, async () => {
      ran.push(first);
      await gate.promise;
    });
    return first;
  });
  const going = drive();
  // That it waits for the signal is stored.
  await until(async () => (await view()).facts === 1);
  waits.resolve();
  await until(() => ran.length === 1);
  // Another process does not know what the first one has in memory.
  const again = other.drive();
  await until(() => ran.length === 2);
  gate.resolve();
  // One of the two may come too late to append, which is delivered again.
  await Promise.allSettled([going, again]);
  expect(ran).toEqual(["the signal", "the signal"]);
  expect(await view()).toMatchObject({ status: "completed", output: "the signal" });
});
