import { holdfast, HoldfastError, systemPrincipal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const somebody = { ...systemPrincipal, kind: "user" } as const;

test("where something cannot be undone the workflow stops and says so; mended, it goes on with it, and with the rest", async () => {
  const log: string[] = [];
  let isMended = false;
  const flow = workflow("flow", {
    input: z.object({}),
    run: async (_, ctx) => {
      ctx.compensate("first", () => void log.push("first"));
      // What it returns is nothing that could be stored.
      ctx.compensate("second", () => {
        if (!isMended) throw new HoldfastError("gone", "It is gone.");
        return () => log.push("never");
      });
      await ctx.run("step", () => 1);
      throw new HoldfastError("bad", "It is bad.");
    },
  });
  const journal = createMemoryJournal();
  const run = createTestApp(holdfast().app({ entities: [], workflows: [flow] }), { journal });
  const at = { entity: "flow", id: "f", principal: somebody };
  await run.execute({ ...at, command: "start", input: {} });
  await run.clock.advance(1_000);
  const message = expect.stringMatching(/^"undo second" of workflow flow "f" .* 1 attempts \(gone: It is gone\.\)/);
  expect((await run.view(at)).view).toMatchObject({
    status: "stopped",
    failure: { code: "compensation-failed", message },
  });
  expect([log, await journal.dead({ limit: 10 })]).toEqual([[], []]);
  isMended = true;
  expect(await run.execute({ ...at, command: "retry", input: undefined })).toMatchObject({ ok: true });
  await run.clock.advance(1_000);
  expect(log).toEqual(["first"]);
  expect((await run.view(at)).view).toMatchObject({ status: "failed", failure: { code: "bad" } });
  await run.close();
});

test("what a workflow undoes when it has failed is undone to its end, also where it is cancelled meanwhile", async () => {
  const log: string[] = [];
  let attempts = 0;
  const flow = workflow("flow", {
    input: z.object({}),
    run: async (_, ctx) => {
      ctx.compensate("first", () => void log.push("first"));
      ctx.compensate(
        "second",
        () => {
          if (++attempts < 3) throw new HoldfastError("busy", "It is busy.", { retry: "later" });
          log.push("second");
        },
        { retry: { firstMs: 10_000 } },
      );
      await Promise.resolve();
      throw new HoldfastError("bad", "It is bad.");
    },
  });
  const run = createTestApp(holdfast().app({ entities: [], workflows: [flow] }));
  const at = { entity: "flow", id: "f", principal: somebody };
  await run.execute({ ...at, command: "start", input: {} });
  await run.clock.advance(1_000);
  expect((await run.view(at)).view).toMatchObject({ status: "running", waiting: [{ name: "undo second" }] });
  expect(await run.execute({ ...at, command: "cancel", input: undefined })).toMatchObject({ ok: true });
  await run.clock.advance(120_000);
  expect(log).toEqual(["second", "first"]);
  expect((await run.view(at)).view).toMatchObject({ status: "failed", failure: { code: "bad" }, waiting: [] });
  await run.close();
});
