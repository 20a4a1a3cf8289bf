import { holdfast } from "holdfast";
import { client } from "holdfast/client";
import { createHttp } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { workflow } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const ask = workflow("ask", {
  input: z.object({ question: z.string() }),
  signals: { answered: z.object({ answer: z.string() }), "told-off": z.object({}) },
  run: async ({ question }, ctx) => {
    const heard = await ctx.until("answered");
    return heard.ok ? `${question} ${heard.data.answer}` : null;
  },
});
const app = h.app({ entities: [], workflows: [ask] });

/** A page, and the server that it talks to. */
function start() {
  const run = createTestApp(app);
  const http = createHttp(run);
  const paths: string[] = [];
  const page = client<typeof app>({
    url: "http://holdfast.test",
    retriesMax: 0,
    fetch: async (url, init) => {
      paths.push(new URL(url).pathname);
      return http.fetch(new Request(url, init));
    },
  });
  return { run, page, paths };
}

test("a workflow is started, told and read through the client, by the names of its signals", async () => {
  const { run, page, paths } = start();
  const one = page.ask("a-1");
  expect(await one.start({ question: "why" })).toMatchObject({ ok: true, reply: undefined });
  await run.delivered();
  expect((await one.$view()).view).toMatchObject({ status: "running", waiting: [{ kind: "until", name: "answered" }] });
  expect(await one.signals["told-off"]({})).toMatchObject({ ok: true });
  expect(await one.signals.answered({ answer: "because" })).toMatchObject({ ok: true, replayed: false });
  await run.delivered();
  const { view } = await one.$view();
  expect([view.status, view.output]).toEqual(["completed", "why because"]);
  expect(paths).toContain("/api/ask/a-1/signals/answered");
  expect(paths).toContain("/api/ask/a-1/signals/told-off");
});

test("a signal has the handle's key, so that it is heard once however often it is sent", async () => {
  const { run, page } = start();
  await page.ask("a1").start({ question: "why" });
  const keyed = page.ask("a1", { key: "answer-1" });
  expect(await keyed.signals.answered({ answer: "x" })).toMatchObject({ ok: true, replayed: false });
  expect(await keyed.signals.answered({ answer: "x" })).toMatchObject({ ok: true, replayed: true });
  await run.delivered();
});

test("what a workflow refuses is a value, what it does not know is thrown", async () => {
  const { run, page } = start();
  const one = page.ask("a1");
  await one.start({ question: "why" });
  expect(await one.start({ question: "what" })).toMatchObject({ ok: false, code: "workflow-exists" });
  expect(await one.retry()).toMatchObject({ ok: false, code: "workflow-not-stopped" });
  await one.cancel();
  await run.delivered();
  expect(await one.signals.answered({ answer: "late" })).toMatchObject({ ok: false, code: "workflow-ended" });
  const untyped = page as unknown as { ask(id: string): { signals: { shouted(data: object): Promise<unknown> } } };
  await expect(untyped.ask("a1").signals.shouted({})).rejects.toMatchObject({ code: "unknown-command", status: 404 });
  const wrong = one.signals as unknown as { answered(data: object): Promise<unknown> };
  await expect(wrong.answered({ answer: 5 })).rejects.toMatchObject({ code: "validation-failed" });
});

test("a handle and its signals can be returned from an async function, and printed", async () => {
  const { page, paths } = start();
  const signals = await (async () => page.ask("a1").signals)();
  expect(typeof signals.answered).toBe("function");
  expect(JSON.stringify(signals)).toBe("{}");
  expect(paths).toEqual([]);
});
