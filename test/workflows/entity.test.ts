import { holdfast, systemPrincipal } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
type Ctx = WorkflowContext<undefined, { readonly go: z.ZodNumber }>;
const signals = { go: z.number() };

/** A workflow whose driver the test is: nothing is delivered unless it asks for it. */
async function started(code: (input: { readonly n: number }, ctx: Ctx) => Promise<unknown> = async () => {}) {
  const flow = workflow("flow", { input: z.object({ n: z.number() }), signals, run: code });
  const run = createTestApp(h.app({ entities: [], workflows: [flow] }));
  const send = (command: string, input?: unknown) =>
    run.execute({ entity: "flow", id: "f", command, input, principal: systemPrincipal });
  const advance = (owner: string, was: string, more: object = {}) =>
    send("advance", { owner, was, run: 1, known: 0, facts: [], over: [], ...more });
  const view = async () => (await run.view({ entity: "flow", id: "f", principal: systemPrincipal })).view;
  await send("start", { n: 1 });
  return { run, send, advance, view };
}

const step = (n: number, value: unknown = null) => ({ is: "done", n, kind: "run", name: `s${n}`, value });

describe("of those who drive a workflow at the same time", () => {
  test("one goes on; the other one is refused until it has looked again", async () => {
    const { advance } = await started();
    expect(await advance("a", "", { facts: [step(1)] })).toMatchObject({ ok: true });
    expect(await advance("b", "", { facts: [step(1)] })).toMatchObject({ ok: false, code: "superseded" });
    expect(await advance("a", "a", { facts: [step(2)] })).toMatchObject({ ok: true });
    expect(await advance("b", "a", { facts: [step(3)] })).toMatchObject({ ok: true });
    expect(await advance("a", "a", { facts: [step(4)] })).toMatchObject({ ok: false, code: "superseded" });
  });

  test("nobody goes on with a run that is over", async () => {
    const { advance } = await started();
    await advance("a", "", { facts: [step(1)], end: { as: "continued", input: { n: 2 }, signals: [] } });
    expect(await advance("a", "a")).toMatchObject({ ok: false, code: "superseded" });
    expect(await advance("a", "a", { run: 2, end: { as: "completed" } })).toMatchObject({ ok: true });
    expect(await advance("a", "a", { run: 2 })).toMatchObject({ ok: false, code: "superseded" });
  });

  test("whoever appends hears what has come meanwhile, in its order", async () => {
    const { advance, send } = await started();
    await send("signal-go", 1);
    const { reply } = (await advance("a", "", { facts: [step(1, "x")] })) as unknown as {
      reply: { facts: { fact: object }[] };
    };
    expect(reply.facts.map(({ fact }) => fact)).toEqual([{ is: "signalled", name: "go", data: 1 }, step(1, "x")]);
  });
});

test("what comes between the last look and continueAsNew is there in the next run", async () => {
  const { advance, send, view } = await started();
  await advance("a", "", { facts: [step(1)] });
  await send("signal-go", 1);
  await send("cancel");
  const kept = { is: "signalled", name: "go", data: 0 };
  await advance("a", "a", { known: 1, end: { as: "continued", input: { n: 2 }, signals: [kept] } });
  const { reply } = (await advance("a", "a", { run: 2 })) as unknown as { reply: { facts: { fact: object }[] } };
  expect(reply.facts.map(({ fact }) => fact)).toEqual([
    kept,
    { is: "signalled", name: "go", data: 1 },
    { is: "cancelled", failure: { code: "workflow-cancelled", message: "The workflow was cancelled." } },
  ]);
  expect(await view()).toMatchObject({ run: 2, status: "running", facts: 3 });
});

test("a timer of another run, or of what waits no more, wakes nobody", async () => {
  const { advance, send, view } = await started();
  const began = { is: "began", n: 1, kind: "sleep", name: "sleep", due: 9e12 };
  await advance("a", "", { end: { as: "continued", input: { n: 2 }, signals: [] } });
  await advance("a", "", { run: 2, facts: [began] });
  await send("wake", { n: 1, run: 1 });
  await send("wake", { n: 2, run: 2 });
  expect(await view()).toMatchObject({ facts: 1, waiting: [{ n: 1, kind: "sleep" }] });
  await send("wake", { n: 1, run: 2 });
  expect(await view()).toMatchObject({ facts: 2, waiting: [] });
});

test("a signal that comes in time leaves no timer behind", async () => {
  const { run, send, view } = await started(async (_input, ctx) => {
    await ctx.until("go", { timeoutMs: 60_000 });
    await ctx.until("go");
  });
  await run.delivered();
  const timer = () => run.timer({ entity: "flow", id: "f", principal: systemPrincipal }, "op-1");
  expect(await timer()).toBeDefined();
  await send("signal-go", 1);
  await run.delivered();
  expect(await timer()).toBeUndefined();
  expect(await view()).toMatchObject({ waiting: [{ n: 2, kind: "until", name: "go" }] });
});

test("what has ended leaves no timer behind", async () => {
  const { run, send, view } = await started(async (_input, ctx) => {
    await ctx.race([ctx.sleep({ days: 1 }), ctx.until("go")]);
  });
  await run.delivered();
  await send("signal-go", 1);
  await run.delivered();
  expect(await view()).toMatchObject({ status: "completed", waiting: [] });
  expect(await run.timer({ entity: "flow", id: "f", principal: systemPrincipal }, "op-1")).toBeUndefined();
});
