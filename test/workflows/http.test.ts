import { holdfast } from "holdfast";
import { createHttp } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { workflow } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const ask = workflow("ask", {
  input: z.object({ question: z.string() }),
  signals: { answered: z.object({ answer: z.string() }) },
  run: async ({ question }, ctx) => {
    const heard = await ctx.until("answered");
    return heard.ok ? `${question} ${heard.data.answer}` : null;
  },
  history: true,
});
const app = h.app({ entities: [], workflows: [ask] });

function start() {
  const run = createTestApp(app);
  const http = createHttp(run);
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await http.fetch(
      new Request(`http://holdfast.test${path}`, {
        method,
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
        ...init,
      }),
    );
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
  };
  return { run, send };
}

test("a workflow is started, told and looked at over HTTP", async () => {
  const { run, send } = start();
  expect(await send("GET", "/api/ask/a1")).toMatchObject({ status: 200, body: { status: "none" } });
  const key = { "idempotency-key": "k1" };
  expect(await send("POST", "/api/ask/a1/start", { question: "why" }, key)).toMatchObject({ status: 204 });
  expect(await send("POST", "/api/ask/a1/start", { question: "why" }, key)).toMatchObject({ status: 204 });
  expect(await send("POST", "/api/ask/a1/start", { question: "what" })).toMatchObject({
    status: 409,
    body: { code: "workflow-exists", rejected: true },
  });
  await run.delivered();
  expect(await send("GET", "/api/ask/a1")).toMatchObject({
    body: { status: "running", waiting: [{ kind: "until", name: "answered" }] },
  });
  expect(await send("POST", "/api/ask/a1/signals/answered", { answer: "because" })).toMatchObject({ status: 204 });
  await run.delivered();
  expect(await send("GET", "/api/ask/a1")).toMatchObject({ body: { status: "completed", output: "why because" } });
});

test("what cannot be is refused, each with its code", async () => {
  const { run, send } = start();
  await send("POST", "/api/ask/a1/start", { question: "why" });
  await run.delivered();
  const refusals: readonly (readonly [string, unknown, number, string])[] = [
    ["/api/nobody/a1/start", { question: "why" }, 404, "unknown-entity"],
    ["/api/ask/a1/signals/shouted", {}, 404, "unknown-command"],
    ["/api/ask/a1/signals/answered/twice", {}, 404, "not-found"],
    ["/api/ask/a1/signals/", {}, 404, "unknown-command"],
    ["/api/ask/a1/signals/answered", { answer: 5 }, 422, "validation-failed"],
    ["/api/ask/a2/signals/answered", { answer: "x" }, 404, "not-found"],
    ["/api/ask/a2/start", { question: 5 }, 422, "validation-failed"],
    ["/api/ask/a1/advance", { facts: [] }, 404, "unknown-command"],
  ];
  for (const [path, body, status, code] of refusals) {
    expect(await send("POST", path, body), path).toMatchObject({ status, body: { code } });
  }
  expect(await send("POST", "/api/ask/a1/signals/shouted", {})).toMatchObject({
    body: { detail: 'Entity "ask" has no signal "shouted".' },
  });
  await send("POST", "/api/ask/a1/cancel");
  await run.delivered();
  expect(await send("POST", "/api/ask/a1/signals/answered", { answer: "late" })).toMatchObject({
    status: 409,
    body: { code: "workflow-ended" },
  });
  expect(await send("POST", "/api/ask/a1/cancel")).toMatchObject({ status: 409, body: { code: "workflow-ended" } });
});
