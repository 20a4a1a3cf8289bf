import type { Journal, System } from "holdfast";
import { createHttp } from "holdfast/http";
import { createTestApp, type TestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { decodeEntries, decodeSnapshot } from "../../src/core/journal/format.ts";
import { app, cart, keepingLogger, type Line, type StoredEntry } from "./fixtures.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

async function entries(journal: Journal, entity: string, id: string): Promise<readonly StoredEntry[]> {
  const records = await journal.history({ tenant: "default", entity, id }, { after: 0, limit: 100 });
  return records.flatMap(decodeEntries);
}

function post(run: TestApp & { readonly system: System }, path: string, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ text: "x" });
  return createHttp(run).fetch(
    new Request(`http://x${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    }),
  );
}

describe("without an SDK", () => {
  test("trace, correlation and causation go through every hop: request, handler, its call, a send, a second handler", async () => {
    const lines: Line[] = [];
    const run = createTestApp(app, { services: { failures: [] }, log: keepingLogger(lines) });
    const answer = await post(run, "/api/cart/c1/checkout", { traceparent, "x-correlation-id": "req-1" });
    expect(answer.status).toBe(204);
    await run.delivered();
    const [checkout] = await entries(run.journal, "cart", "c1");
    const [open] = await entries(run.journal, "order", "c1");
    const [prepare] = await entries(run.journal, "shipment", "c1");
    expect(checkout).toMatchObject({ correlation: "req-1", trace: traceparent });
    expect(checkout?.causation).toBeUndefined();
    expect(open).toMatchObject({ correlation: "req-1", causation: `${checkout?.id}-1`, trace: traceparent });
    expect(prepare).toMatchObject({ correlation: "req-1", causation: `${open?.id}-m1`, trace: traceparent });
    const line = lines.find(({ text }) => text === "an order is opened");
    expect(line?.fields).toEqual({
      handler: "subscription:fulfilment",
      message: `${checkout?.id}-1`,
      correlation: "req-1",
      trace_id: traceId,
    });
    const request = lines.find(({ text }) => text === "request");
    expect(request?.fields).toMatchObject({ correlation: "req-1", trace_id: traceId });
    await run.close();
  });

  test("an entity's timer has the correlation and the trace of what set it, across a snapshot and a restart", async () => {
    const first = createTestApp(app, { services: { failures: [] } });
    await post(first, "/api/cart/c1/remindLater", { traceparent, "x-correlation-id": "req-2" });
    await first.call(cart, "c1").remind({ text: "y" });
    const [set] = await entries(first.journal, "cart", "c1");
    await first.delivered();
    await first.close();
    const { snapshot, records } = await first.journal.load({ tenant: "default", entity: "cart", id: "c1" });
    expect(records).toEqual([]);
    expect(snapshot && decodeSnapshot(snapshot).timers?.["reminder"]).toMatchObject({
      generation: set?.id,
      correlation: "req-2",
      trace: traceparent,
    });
    const run = createTestApp(app, { services: { failures: [] }, journal: first.journal, seed: 2 });
    await run.clock.advance(61_000);
    await run.delivered();
    const [, , fired] = await entries(run.journal, "cart", "c1");
    expect(fired).toMatchObject({
      command: "remind",
      correlation: "req-2",
      causation: `${set?.id}-treminder`,
      trace: traceparent,
    });
    await run.close();
  });

  test("a timer that was set without a correlation begins one: the id of the entry that set it", async () => {
    const run = createTestApp(app, { services: { failures: [] } });
    await run.call(cart, "c1").remindLater({ text: "x" });
    await run.clock.advance(61_000);
    await run.delivered();
    const [set, fired] = await entries(run.journal, "cart", "c1");
    expect(fired).toMatchObject({ command: "remind", correlation: set?.id });
    expect(fired).not.toHaveProperty("trace");
    await run.close();
  });

  test("a worker takes both from the message's attributes, and only in their own form", async () => {
    const run = createTestApp(app, { services: { failures: [] } });
    const attributes = { traceparent, correlationid: "import-1" };
    await run.send("imports", { id: "a", text: "x" }, { id: "m1", attributes });
    await run.delivered();
    await run.send(
      "imports",
      { id: "b", text: "x" },
      { id: "m2", attributes: { traceparent: "what", correlationid: "\n" } },
    );
    await run.delivered();
    const [first, second] = await entries(run.journal, "cart", "imported");
    expect(first).toMatchObject({ correlation: "import-1", causation: "m1", trace: traceparent });
    expect(second).toMatchObject({ correlation: "imports-m2", causation: "m2" });
    expect(second).not.toHaveProperty("trace");
    await run.close();
  });

  test("a cron tick is correlation and causation of what it causes", async () => {
    const run = createTestApp(app, { services: { failures: [] } });
    await run.delivered();
    await run.clock.advance(3 * 3_600_000);
    await run.delivered();
    const [swept] = await entries(run.journal, "cart", "swept");
    const tick = "sweep@2026-01-01T03:00:00.000Z";
    expect(swept).toMatchObject({ command: "remind", correlation: tick, causation: tick });
    await run.close();
  });
});
