import { holdfast, type App, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { workflow, type WorkflowContext } from "holdfast/workflows";
import { describe, expect, test } from "vitest";
import * as z from "zod";

type Services = { readonly log: string[] };
const h = holdfast<Services>();
type Code = (input: {}, ctx: WorkflowContext<Services, { readonly go: z.ZodNumber }>) => Promise<unknown>;
const somebody: Principal = { kind: "user", id: "somebody", tenant: "default", claims: {} };

const appOf = (code: Code): App<unknown, Services> =>
  h.app({
    entities: [],
    workflows: [
      workflow("flow", { input: z.object({}), signals: { go: z.number() }, deadline: { hours: 5 }, run: code }),
    ],
  });

let seed = 0;

/** Does something that can be undone, and waits for a signal and for so long. */
const sleeping =
  (hours: number): Code =>
  async (_input, ctx) => {
    await ctx.run("book", ({ services }) => void services.log.push("booked"));
    ctx.compensate("book", ({ services }) => void services.log.push("undone"));
    const [, told] = await ctx.all([ctx.sleep({ hours }), ctx.until("go")]);
    return told.ok && told.data;
  };
const good = sleeping(1);
/** Not what it was. */
const bad: Code = async (_input, ctx) => ctx.run("another", () => 1);

async function stopped(code = good) {
  const journal = createMemoryJournal();
  const log: string[] = [];
  function start(code: Code, hours = 0) {
    const run = createTestApp(appOf(code), {
      services: { log },
      journal,
      seed: ++seed,
      now: 1_767_225_600_000 + hours * 3_600_000,
    });
    const send = (command: string, input?: unknown) =>
      run.execute({ entity: "flow", id: "f", command, input, principal: somebody });
    const view = async () => (await run.view({ entity: "flow", id: "f", principal: somebody })).view;
    return { run, send, view };
  }
  const first = start(code);
  await first.send("start", {});
  await first.run.delivered();
  await first.run.close();
  const second = start(bad);
  await second.send("signal-go", 7);
  await second.run.delivered();
  expect(await second.view()).toMatchObject({ status: "stopped" });
  return { second, start, log };
}

describe("a workflow that is stopped", () => {
  test("hears of a time that is over meanwhile when it goes on", async () => {
    const { second, start } = await stopped();
    await second.run.clock.advance(2 * 3_600_000);
    await second.run.delivered();
    expect(await second.view()).toMatchObject({ status: "stopped" });
    await second.run.close();
    const mended = start(good, 2);
    expect(await mended.send("retry")).toMatchObject({ ok: true });
    await mended.run.delivered();
    const view = await mended.view();
    expect(view).toMatchObject({ status: "completed", output: 7 });
    // What it was stopped for is over.
    expect(view).not.toHaveProperty("failure");
  });

  test("can be cancelled: it goes on, and what was done is undone", async () => {
    const { second, start, log } = await stopped();
    await second.run.close();
    const mended = start(good);
    expect(await mended.send("cancel")).toMatchObject({ ok: true });
    expect(await mended.send("cancel")).toMatchObject({ ok: true });
    await mended.run.delivered();
    expect(await mended.view()).toMatchObject({ status: "cancelled" });
    expect(log).toEqual(["booked", "undone"]);
  });

  test("that is cancelled while its code is still wrong is stopped again, and undoes when that is mended", async () => {
    const { second, start, log } = await stopped();
    await second.send("cancel");
    await second.run.delivered();
    expect(await second.view()).toMatchObject({ status: "stopped" });
    await second.run.close();
    const mended = start(good);
    await mended.send("retry");
    await mended.run.delivered();
    expect(await mended.view()).toMatchObject({ status: "cancelled" });
    expect(log).toEqual(["booked", "undone"]);
  });

  test("whose deadline passes is cancelled when it goes on", async () => {
    const { second, start, log } = await stopped(sleeping(48));
    await second.run.clock.advance(6 * 3_600_000);
    await second.run.delivered();
    await second.run.close();
    const mended = start(sleeping(48), 6);
    await mended.send("retry");
    await mended.run.delivered();
    expect(await mended.view()).toMatchObject({ status: "failed", failure: { code: "workflow-timed-out" } });
    expect(log).toEqual(["booked", "undone"]);
  });
});
