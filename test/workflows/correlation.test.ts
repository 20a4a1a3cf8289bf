import { dependency, holdfast } from "holdfast";
import { createHttp } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { workflows } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const workflow = workflows();
const bank = dependency("bank");

const ledger = h
  .entity("ledger", { initial: () => 0, events: { noted: z.object({}) }, evolve: { noted: (n) => n + 1 } })
  .command("note", { decide: (_n, _input, { events }) => events.noted({}) });

const asked: { readonly [header: string]: string }[] = [];

const part = workflow("part", { input: z.null(), run: (_input, ctx) => ctx.call(ledger, "part").note() });

const whole = workflow("whole", {
  input: z.object({}),
  signals: { go: z.object({}) },
  run: async (_input, ctx) => {
    await ctx.run("ask", ({ reach }) => reach(bank, ({ headers }) => void asked.push(headers)));
    await ctx.sleep({ hours: 1 });
    await ctx.call(ledger, "slept").note();
    await ctx.child(part, null);
    await ctx.until("go");
    await ctx.call(ledger, "told").note();
  },
});

const app = h.app({ entities: [ledger], workflows: [part, whole] });

test("what a workflow does has the correlation and the trace of what made it go on: its start, or a signal", async () => {
  const run = createTestApp(app);
  const http = createHttp(run);
  const post = (path: string, name: string, trace: string) =>
    http.fetch(
      new Request(`http://x/api/whole/w1/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-correlation-id": name, traceparent: trace },
        body: "{}",
      }),
    );
  const traces = ["a", "b"].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`) as [string, string];
  expect((await post("start", "req-1", traces[0])).status).toBe(204);
  await run.delivered();
  await run.clock.advance(3_600_000);
  await run.delivered();
  expect((await post("signals/go", "req-2", traces[1])).status).toBe(204);
  await run.delivered();

  const of = async (entity: string, id: string) => {
    const records = await run.journal.history({ tenant: "default", entity, id }, { after: 0, limit: 100 });
    type Entry = { readonly command: string; readonly correlation?: string; readonly trace?: string };
    const entries = records.flatMap((record) => JSON.parse(record.entries) as Entry[]);
    return entries.map(({ command, correlation, trace }) => [command, correlation, trace]);
  };
  expect(await of("ledger", "slept")).toEqual([["note", "req-1", traces[0]]]);
  expect(await of("ledger", "part")).toEqual([["note", "req-1", traces[0]]]);
  expect(await of("ledger", "told")).toEqual([["note", "req-2", traces[1]]]);
  expect(asked).toMatchObject([{ "x-correlation-id": "req-1", traceparent: traces[0] }]);
  const own = await of("whole", "w1");
  expect(new Set(own.map(([, correlation]) => correlation))).toEqual(new Set(["req-1", "req-2"]));
});
