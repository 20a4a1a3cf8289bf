import { holdfast, HoldfastError, type Journal, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const stock = h
  .entity("stock", {
    initial: () => ({ taken: 0 }),
    events: { taken: z.object({}), given: z.object({}) },
    evolve: { taken: ({ taken }) => ({ taken: taken + 1 }), given: ({ taken }) => ({ taken: taken - 1 }) },
  })
  .command("take", { decide: (_state, _input, { events }) => events.taken({}) })
  .command("giveBack", { decide: (_state, _input, { events }) => events.given({}) });
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

type Code = (input: {}, ctx: WorkflowContext<undefined, {}>) => Promise<unknown>;

async function ran(code: Code, wrap: (journal: Journal) => Journal = (journal) => journal) {
  const flow = workflow("flow", { input: z.object({}), run: code });
  const app = h.app({ entities: [stock], workflows: [flow] });
  const inner = createMemoryJournal();
  const run = createTestApp(app, { journal: { ...inner, ...wrap(inner) } });
  await run.call(flow, "f").start({});
  for (let i = 0; i < 20; i++) {
    await run.clock.advance(10_000);
  }
  const view = async (entity: string, id: string) => (await run.view({ entity, id, principal: somebody })).view;
  return {
    flow: await view("flow", "f"),
    a: await view("stock", "a"),
    version: (await run.view({ entity: "stock", id: "a", principal: somebody })).version,
  };
}

test("a compensation commands entities, once however often it is tried", async () => {
  let tries = 0;
  const { flow, a, version } = await ran(async (_input, ctx) => {
    await ctx.call(stock, "a").take();
    await ctx.call(stock, "a").take();
    ctx.compensate("take", async ({ call }) => {
      await call(stock, "a").giveBack();
      if (++tries < 4) throw new Error("not yet");
      await call(stock, "a").giveBack();
    });
    throw new HoldfastError("no-good", "It is no good.");
  });
  expect(tries).toBe(4);
  expect(flow).toMatchObject({ status: "failed", failure: { code: "no-good" } });
  expect([a, version]).toEqual([{ taken: 0 }, 4]);
});

test("steps of one name and two runs have keys of their own", async () => {
  const { a, flow } = await ran(async (_input, ctx) => {
    for (let i = 0; i < 3; i++) await ctx.run("take", async ({ call }) => void (await call(stock, "a").take()));
    return "done";
  });
  expect(flow).toMatchObject({ status: "completed" });
  expect(a).toEqual({ taken: 3 });
});

test("a call whose outcome is open leaves the step open, also where the step swallows it, or has but one attempt", async () => {
  let isDown = true;
  let tries = 0;
  const losing = (journal: Journal): Journal => ({
    ...journal,
    async append(append) {
      const result = await journal.append(append);
      if (append.stream.entity !== "stock" || !isDown) return result;
      throw new HoldfastError("journal-failed", "The answer is lost.", { retry: "later" });
    },
    async record(stream, sequence) {
      if (stream.entity !== "stock" || !isDown) return journal.record(stream, sequence);
      throw new HoldfastError("journal-failed", "Nobody answers.", { retry: "later" });
    },
    async load(stream) {
      if (stream.entity !== "stock" || !isDown || tries === 0) return journal.load(stream);
      throw new HoldfastError("journal-failed", "Nobody answers.", { retry: "later" });
    },
  });
  const { flow, a, version } = await ran(
    (_input, ctx) =>
      ctx.run(
        "take",
        async ({ call }) => {
          tries++;
          if (tries > 2) isDown = false;
          const taken = await call(stock, "a")
            .take()
            .catch(() => undefined);
          return taken?.ok ?? "swallowed";
        },
        { retry: { attempts: 1 } },
      ),
    losing,
  );
  expect(flow).toMatchObject({ status: "completed", output: true });
  expect([a, version]).toEqual([{ taken: 1 }, 1]);
  expect(tries).toBe(3);
});

test("a call that nobody looks at fails its step, and one after the step's end is refused", async () => {
  const late: unknown[] = [];
  const { flow } = await ran(async (_input, ctx) => {
    let leaked: (() => Promise<unknown>) | undefined;
    await ctx.run("leak", ({ call }) => {
      leaked = () => call(stock, "a").take();
    });
    await leaked?.().catch((error: unknown) => late.push((error as HoldfastError).code));
    return ctx.run("careless", ({ call }) => void call(stock, "").take(), { retry: { attempts: 1 } });
  });
  expect(late).toContain("handler-finished");
  expect(flow).toMatchObject({ status: "failed", failure: { code: "invalid-id" } });
});
