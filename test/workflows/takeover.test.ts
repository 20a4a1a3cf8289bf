import { createRuntime, holdfast, silentLogger, systemPrincipal, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { workflow } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const who: Principal = systemPrincipal;

test("whoever has looked before the owner's last append does not take over, and appends nothing", async () => {
  /** Each attempt at a step waits until it is let go. */
  const gates = new Map<string, PromiseWithResolvers<void>[]>();
  const began = Promise.withResolvers<void>();
  const gate = (name: string): Promise<void> => {
    const one = Promise.withResolvers<void>();
    gates.set(name, [...(gates.get(name) ?? []), one]);
    if (gates.get("two")?.length === 2) began.resolve();
    return one.promise;
  };
  const flow = workflow("flow", {
    input: z.object({}),
    run: async (_, ctx) => {
      await ctx.run("one", () => 1);
      const two = await ctx.run("two", () => gate("two"));
      await ctx.run("three", () => gate("three"));
      return two;
    },
  });
  const app = holdfast().app({ entities: [], workflows: [flow] });
  const runtime = createRuntime(app, { journal: createMemoryJournal(), system: createVirtualSystem() });
  const at = { entity: "flow", id: "f", principal: who };
  await runtime.execute({ ...at, command: "start", input: {} });
  const { handle } = flow.driver.definition;
  const drive = (): Promise<unknown> => {
    const event = { tenant: who.tenant, subject: "f" };
    const context = { services: undefined, log: silentLogger, signal: new AbortController().signal };
    // Of what a handler gets, what a driver looks at.
    return Promise.resolve(handle(event as never, context as never, runtime, {}));
  };
  const until = async (name: string, count: number): Promise<void> => {
    while ((gates.get(name)?.length ?? 0) < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const owner = drive();
  await until("two", 1);
  const other = drive();
  await until("two", 2);
  await began.promise;
  gates.get("two")?.[0]?.resolve();
  await until("three", 1);
  gates.get("two")?.[1]?.resolve();
  await expect(other).rejects.toMatchObject({ code: "superseded", retry: "later" });
  gates.get("three")?.[0]?.resolve();
  await owner;
  // Three steps, each told once.
  expect((await runtime.view(at)).view).toMatchObject({ status: "completed", facts: 3 });
});
