import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { dependency } from "holdfast";
import { createHttp } from "holdfast/http";
import { createMemoryJournal } from "holdfast/memory";
import { openTelemetry } from "holdfast/telemetry";
import { createTestApp } from "holdfast/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeEntries } from "../../src/core/journal/format.ts";
import { app, cart, keepingLogger, order, startSdk, type Line, type Sdk } from "./fixtures.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";

let sdk: Sdk;
const lines: Line[] = [];

beforeEach(() => {
  sdk = startSdk();
  lines.length = 0;
});
afterEach(() => sdk.stop());

function start(journal = createMemoryJournal(), failures: Error[] = []) {
  return createTestApp(app, {
    journal,
    services: { failures },
    telemetry: openTelemetry(),
    log: keepingLogger(lines),
  });
}

function request(path: string, headers: Record<string, string> = {}, body: unknown = { text: "x" }): Request {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers } };
  return new Request(`http://x${path}`, { ...init, body: JSON.stringify(body) });
}

const named = (name: string): ReadableSpan => {
  const found = sdk.spans().filter((span) => span.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReadableSpan;
};

describe("spans", () => {
  test("one trace from a request through handler, call, send and second handler; each below what caused it", async () => {
    const run = start();
    const headers = { traceparent: `00-${traceId}-${parentId}-01`, "x-correlation-id": "req-1" };
    await createHttp(run).fetch(request("/api/cart/c1/checkout", headers));
    await run.delivered();
    const chain = [
      ["POST /api/cart/{id}/checkout", SpanKind.SERVER],
      ["cart.checkout", SpanKind.INTERNAL],
      ["process subscription:fulfilment", SpanKind.CONSUMER],
      ["order.open", SpanKind.INTERNAL],
      ["process sends", SpanKind.CONSUMER],
      ["shipment.prepare", SpanKind.INTERNAL],
      ["process subscription:arrival", SpanKind.CONSUMER],
    ] as const;
    expect(sdk.spans()).toHaveLength(chain.length);
    let parent = parentId;
    for (const [name, kind] of chain) {
      const span = named(name);
      expect(span.kind, name).toBe(kind);
      expect(span.spanContext().traceId, name).toBe(traceId);
      expect(span.parentSpanContext?.spanId, name).toBe(parent);
      parent = span.spanContext().spanId;
    }
    expect(named("cart.checkout").attributes).toEqual({
      "holdfast.entity": "cart",
      "holdfast.command": "checkout",
      "holdfast.tenant": "default",
      "holdfast.correlation": "req-1",
      "holdfast.outcome": "accepted",
    });
    const [record] = await run.journal.history({ tenant: "default", entity: "cart", id: "c1" }, { after: 0, limit: 1 });
    const [entry] = record ? decodeEntries(record) : [];
    expect(entry?.trace).toBe(`00-${traceId}-${named("cart.checkout").spanContext().spanId}-01`);
    expect(named("process subscription:fulfilment").attributes).toMatchObject({
      "messaging.message.id": `${entry?.id}-1`,
      "holdfast.consumer": "subscription:fulfilment",
      "holdfast.attempt": 1,
      "holdfast.correlation": "req-1",
    });
    expect(lines.find(({ text }) => text === "an order is opened")?.fields).toMatchObject({ trace_id: traceId });
    await run.close();
  });

  test("a request without a traceparent begins a trace, and its log line names it", async () => {
    const run = start();
    await createHttp(run).fetch(request("/api/cart/c1/checkout"));
    const { traceId } = named("POST /api/cart/{id}/checkout").spanContext();
    expect(named("cart.checkout").spanContext().traceId).toBe(traceId);
    expect(lines.find(({ text }) => text === "request")?.fields).toMatchObject({ trace_id: traceId });
    await run.close();
  });

  test("where an instrumentation has a span for the request, Holdfast makes none and goes below it", async () => {
    const run = start();
    const server = trace.getTracer("node:http").startSpan("POST", { kind: SpanKind.SERVER });
    await context.with(trace.setSpan(context.active(), server), () =>
      createHttp(run).fetch(request("/api/cart/c1/checkout")),
    );
    expect(named("cart.checkout").parentSpanContext?.spanId).toBe(server.spanContext().spanId);
    expect(sdk.spans().filter(({ kind }) => kind === SpanKind.SERVER)).toEqual([]);
    await run.close();
  });

  test("a call in process goes below what is active", async () => {
    const run = start();
    await trace.getTracer("mine").startActiveSpan("job", async (span) => {
      await run.call(cart, "c1").checkout({ text: "x" });
      span.end();
    });
    expect(named("cart.checkout").parentSpanContext?.spanId).toBe(named("job").spanContext().spanId);
    await run.close();
  });

  test("commands of one group have the parents of their own", async () => {
    const run = start();
    const other = "1af7651916cd43dd8448eb211c80319c";
    const http = createHttp(run);
    await Promise.all([
      http.fetch(request("/api/cart/c1/checkout", { traceparent: `00-${traceId}-${parentId}-01` })),
      http.fetch(request("/api/cart/c1/remind", { traceparent: `00-${other}-${parentId}-01` })),
    ]);
    await run.delivered();
    expect(named("cart.checkout").spanContext().traceId).toBe(traceId);
    expect(named("cart.remind").spanContext().traceId).toBe(other);
    expect(named("process subscription:fulfilment").spanContext().traceId).toBe(traceId);
    await run.close();
  });

  test("a message that is sent to a queue belongs to the trace that is active, and so does its worker's call", async () => {
    const run = start();
    await trace.getTracer("mine").startActiveSpan("job", async (span) => {
      await run.send("imports", { id: "a", text: "x" });
      span.end();
    });
    await run.delivered();
    expect(named("process worker:imports").parentSpanContext?.spanId).toBe(named("job").spanContext().spanId);
    expect(named("cart.checkout").parentSpanContext?.spanId).toBe(named("process worker:imports").spanContext().spanId);
    await run.close();
  });

  test("a timer begins a trace of its own that is linked to the one that set it", async () => {
    const run = start();
    await run.call(cart, "c1").remindLater({ text: "x" });
    await run.clock.advance(61_000);
    await run.delivered();
    const set = named("cart.remindLater").spanContext();
    const timer = named("process timers");
    expect(timer.parentSpanContext).toBeUndefined();
    expect(timer.spanContext().traceId).not.toBe(set.traceId);
    expect(timer.links.map(({ context }) => context.spanId)).toEqual([set.spanId]);
    expect(named("cart.remind").parentSpanContext?.spanId).toBe(timer.spanContext().spanId);
    await run.close();
  });

  test("what was stored without a trace is a trace of its own, whatever woke the consumer", async () => {
    const journal = createMemoryJournal();
    const before = createTestApp(app, { journal, services: { failures: [] } });
    await before.close();
    await before.journal.append({
      stream: { tenant: "default", entity: "cart", id: "c1" },
      record: {
        sequence: 1,
        id: "e".repeat(20),
        previous: "",
        time: before.clock.now(),
        version: 1,
        entries: JSON.stringify([
          { id: "e".repeat(20), command: "checkout", events: [{ type: "checkedOut", data: { text: "x" } }] },
        ]),
      },
    });
    const run = start(journal);
    await trace.getTracer("mine").startActiveSpan("job", async (span) => {
      await run.call(cart, "c2").remind({ text: "x" });
      await run.delivered();
      span.end();
    });
    expect(named("process subscription:fulfilment").parentSpanContext).toBeUndefined();
    await run.close();
  });

  test("a rejection is no error; what fails is one, by its code alone", async () => {
    const failure = new Error("the secret of the app");
    const run = start(createMemoryJournal(), [failure]);
    const http = createHttp(run);
    await run.call(cart, "c1").refuse();
    await http.fetch(request("/api/cart/c1/checkout", {}, { text: 7 }));
    await http.fetch(request("/api/cart/c1/checkout"));
    await run.delivered();
    const rejected = named("cart.refuse");
    expect(rejected.status.code).toBe(SpanStatusCode.UNSET);
    expect(rejected.attributes).toMatchObject({ "holdfast.outcome": "rejected", "holdfast.code": "cart-closed" });
    const [refused] = sdk.spans().filter(({ attributes }) => attributes["holdfast.outcome"] === "refused");
    expect(refused?.attributes).toMatchObject({ "holdfast.code": "validation-failed" });
    expect(refused?.status.code).toBe(SpanStatusCode.UNSET);
    const handler = named("process subscription:fulfilment");
    expect(handler.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(handler.attributes).toMatchObject({ "error.type": "Error", "holdfast.attempt": 1 });
    expect(JSON.stringify(sdk.spans().map(({ attributes, events }) => ({ attributes, events })))).not.toContain(
      "secret",
    );
    await run.close();
  });
});

describe("metrics", () => {
  test("command.duration counts each command by its outcome", async () => {
    const run = start();
    await run.call(cart, "c1", { key: "k1" }).remind({ text: "x" });
    await run.call(cart, "c1", { key: "k1" }).remind({ text: "x" });
    await run.call(cart, "c1").refuse();
    await run
      .call(cart, "c1", { expectedVersion: 9 })
      .refuse()
      .catch(() => {});
    const metric = await sdk.metric("holdfast.command.duration");
    expect(metric?.unit).toBe("s");
    const about = (command: string, outcome: string) => ({
      "holdfast.entity": "cart",
      "holdfast.command": command,
      "holdfast.outcome": outcome,
    });
    expect(metric?.points.map(({ attributes }) => attributes)).toEqual([
      about("remind", "accepted"),
      about("remind", "replayed"),
      { ...about("refuse", "rejected"), "holdfast.code": "cart-closed" },
      { ...about("refuse", "refused"), "error.type": "version-mismatch" },
    ]);
    expect(metric?.points.map(({ value }) => (value as { count: number }).count)).toEqual([1, 1, 1, 1]);
    await run.close();
  });

  test("command.conflicts counts what another instance was faster at", async () => {
    const journal = createMemoryJournal();
    const [one, two] = [start(journal), createTestApp(app, { journal, services: { failures: [] }, seed: 2 })];
    await one.call(cart, "c1").remind({ text: "x" });
    await two.call(cart, "c1").remind({ text: "x" });
    await one.call(cart, "c1").remind({ text: "x" });
    expect(await sdk.metric("holdfast.command.conflicts")).toMatchObject({
      unit: "{conflict}",
      points: [{ attributes: { "holdfast.entity": "cart" }, value: 1 }],
    });
    await Promise.all([one.close(), two.close()]);
  });

  test("delivery.age is that of the oldest event that is not done, 0 where all is done, one point per consumer", async () => {
    const run = start(createMemoryJournal(), [new Error("once")]);
    await run.call(cart, "c1").checkout({ text: "x" });
    await run.delivered();
    await run.clock.advance(200);
    const ages = async () => {
      const metric = await sdk.metric("holdfast.delivery.age");
      expect(metric?.unit).toBe("s");
      return Object.fromEntries(
        metric?.points.map(({ attributes, value }) => [Object.values(attributes).join(), value]) ?? [],
      );
    };
    expect(await ages()).toEqual({
      sends: 0,
      timers: 0,
      "subscription:fulfilment": 0.2,
      "subscription:arrival": 0,
      "queue:imports": 0,
      "timer:sweep": 0,
    });
    await run.clock.advance(1_000);
    await run.delivered();
    expect(await ages()).toMatchObject({ "subscription:fulfilment": 0 });
    await run.close();
  });

  test("delivery.age counts a queue's message that waits for another attempt", async () => {
    const run = start(createMemoryJournal(), []);
    const from = run.clock.now();
    await run.delivered();
    await run.send("imports", { id: "a", text: "fails" });
    await run.delivered();
    await run.clock.advance(100);
    const points = (await sdk.metric("holdfast.delivery.age"))?.points ?? [];
    const age = points.find(({ attributes }) => Object.values(attributes).includes("queue:imports"))?.value;
    expect(age).toBe((run.clock.now() - from) / 1_000);
    await run.close();
  });

  test("dead_letters counts what was given up, by consumer and code", async () => {
    const run = start();
    await run.send("imports", { id: 7 });
    await run.delivered();
    expect(await sdk.metric("holdfast.dead_letters")).toMatchObject({
      unit: "{message}",
      points: [
        { attributes: { "holdfast.consumer": "queue:imports", "holdfast.code": "validation-failed" }, value: 1 },
      ],
    });
    await run.close();
  });

  test("dependency.duration counts each attempt at asking what is outside, and those that were not made", async () => {
    const run = start();
    const bank = dependency("bank", { retry: { attempts: 1 }, failuresMax: 2, timeoutMs: 100 });
    const ask = async (work: () => unknown, leftMs = 60_000): Promise<void> => {
      const asked = run.reach({ key: "k", deadline: run.clock.now() + leftMs, context: {} }, bank, work);
      asked.catch(() => {});
      await run.clock.advance(200);
      await asked.catch(() => {});
    };
    const fails = (): never => {
      throw new Error("down");
    };
    const hangs = () => new Promise<never>(() => {});
    await ask(fails);
    await ask(() => "fine");
    await ask(hangs, 50);
    await ask(hangs);
    await ask(fails);
    await ask(fails);
    const metric = await sdk.metric("holdfast.dependency.duration");
    expect(metric?.unit).toBe("s");
    const about = (outcome: string) => ({ "holdfast.dependency": "bank", "holdfast.outcome": outcome });
    expect(metric?.points.map(({ attributes, value }) => [attributes, (value as { count: number }).count])).toEqual([
      [about("failed"), 2],
      [about("answered"), 1],
      [about("left"), 1],
      [about("timed-out"), 1],
      [about("refused"), 1],
    ]);
    await run.close();
  });

  test("codes that an app makes up without end are `other`", async () => {
    const telemetry = openTelemetry();
    for (let i = 0; i < 300; i++) telemetry.deadLetter("queue:imports", `E${i}`);
    const points = (await sdk.metric("holdfast.dead_letters"))?.points ?? [];
    expect(points).toHaveLength(201);
    expect(points.at(-1)).toMatchObject({ attributes: { "holdfast.code": "other" }, value: 100 });
  });

  test("snapshot.lag is how many records were folded behind the snapshot of an entity that was loaded", async () => {
    const journal = createMemoryJournal();
    const one = start(journal);
    for (let i = 0; i < 5; i++) await one.call(order, "o1").open({ text: "x" });
    await one.close();
    const two = start(journal);
    await two.call(order, "o1").open({ text: "x" });
    const metric = await sdk.metric("holdfast.snapshot.lag");
    const point = metric?.points.find(({ attributes }) => Object.values(attributes).includes("order"));
    expect(metric?.unit).toBe("{record}");
    // Loaded twice: once when there was nothing, once behind the snapshot at 4.
    expect(point?.value).toMatchObject({ count: 2, sum: 1, max: 1 });
    await two.close();
  });
});
