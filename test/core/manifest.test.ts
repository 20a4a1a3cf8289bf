import { holdfast, incompatibilities, manifest, on, type Manifest } from "holdfast";
import type { DrivenEntity } from "../../src/core/app.ts";
import { workflow } from "holdfast/workflows";
import * as z from "zod";
import { describe, expect, test } from "vitest";

const h = holdfast();
type AnyWorkflow = DrivenEntity<undefined>;
const handle = () => {};

const order = h
  .entity("order", {
    initial: () => 0,
    events: { placed: z.object({ country: z.string(), total: z.number() }), paid: z.object({}) },
    evolve: { placed: (count) => count, paid: (count) => count },
  })
  .command("place", { decide: () => [] });

const fulfilment = h.subscription("fulfilment", {
  to: [
    on(order.events.placed, { total: { gte: 100 }, country: ["AT", "DE"] }),
    on(order.events.placed, { country: { not: "AT" } }),
    on(order.events.paid),
  ],
  from: "beginning",
  handle,
});
const imports = h.worker("imports", { queue: "rows", input: z.string(), handle });
const sweep = h.timer("sweep", { cron: "0 3 * * *", zone: "Europe/Vienna", handle });
const app = h.app({ entities: [order], subscriptions: [fulfilment], workers: [imports], timers: [sweep] });
const deployed = manifest(app);

test("a manifest says who gets what, with filters as data", () => {
  expect(deployed).toEqual({
    format: 1,
    entities: {
      order: { revision: 1, history: false, commands: ["place"], events: { paid: 1, placed: 1 } },
    },
    subscriptions: {
      fulfilment: {
        from: "beginning",
        events: {
          "order.paid": [{}],
          "order.placed": [
            { country: { kind: "in", values: ["AT", "DE"] }, total: { kind: "range", gte: 100 } },
            { country: { kind: "not-in", values: ["AT"] } },
          ],
        },
      },
    },
    workers: { imports: { queue: "rows" } },
    timers: { sweep: { cron: "0 3 * * *", zone: "Europe/Vienna" } },
  });
  expect(JSON.parse(JSON.stringify(deployed))).toEqual(deployed);
  expect(Object.keys(deployed.subscriptions["fulfilment"]?.events ?? {})).toEqual(["order.paid", "order.placed"]);
});

describe("a deployment", () => {
  const worker = (name: string, queue: string) => h.worker(name, { queue, input: z.string(), handle });
  const next = (parts: Omit<Parameters<typeof h.app>[0], "entities">): Manifest =>
    manifest(h.app({ entities: [order], subscriptions: [fulfilment], workers: [imports], timers: [sweep], ...parts }));

  test.each<[string, Manifest]>([
    ["nothing changes", manifest(app)],
    [
      "filters, cron and zone change",
      next({
        subscriptions: [h.subscription("fulfilment", { to: [on(order.events.paid)], handle })],
        timers: [h.timer("sweep", { cron: "0 4 * * *", handle })],
      }),
    ],
    ["something comes", next({ workers: [imports, worker("other", "others")] })],
  ])("breaks nothing if %s", (_, manifest) => {
    expect(incompatibilities(deployed, manifest)).toEqual([]);
  });

  test.each<[string, Manifest, string]>([
    ["a subscription is gone", next({ subscriptions: [] }), 'subscription "fulfilment" is gone: what it has not'],
    ["a worker is gone", next({ workers: [] }), 'worker "imports" is gone: messages in queue "rows"'],
    [
      "a queue is renamed",
      next({ workers: [worker("imports", "lines")] }),
      'worker "imports" changes from queue "rows" to "lines": messages in the old one stay behind',
    ],
    [
      "a worker is renamed",
      next({ workers: [worker("import", "rows")] }),
      'queue "rows" goes from worker "imports" to "import": messages that are tried again may have their effects twice',
    ],
    [
      "a worker leaves its queue to another",
      next({ workers: [worker("imports", "lines"), worker("import", "rows")] }),
      'queue "rows" goes from worker "imports" to "import"',
    ],
    ["a timer is gone", next({ timers: [] }), 'timer "sweep" is gone'],
  ])("breaks something if %s", (_, manifest, text) => {
    expect(incompatibilities(deployed, manifest)).toEqual([expect.stringContaining(text)]);
  });
});

describe("a workflow", () => {
  const run = async () => null;
  const input = z.object({});
  const signals = { approved: z.object({}), refused: z.object({}) };
  const of = (made: AnyWorkflow, ...entities: Parameters<typeof h.app>[0]["entities"]): Manifest =>
    manifest(h.app({ entities, workflows: [made] }));
  const before = of(workflow("ask", { input, run, version: 2, earlier: { 1: run }, signals }));

  test("is in the manifest with its versions and signals", () => {
    expect(before.entities["ask"]?.workflow).toEqual({ versions: [1, 2], signals: ["approved", "refused"] });
    expect(JSON.parse(JSON.stringify(before))).toEqual(before);
  });

  test("with a version or a signal more breaks nothing", () => {
    const earlier = { 1: run, 2: run };
    const next = of(
      workflow("ask", { input, run, version: 3, earlier, signals: { ...signals, late: z.object({}) } }),
      order,
    );
    expect(incompatibilities(before, next)).toEqual([]);
  });

  test.each<[string, AnyWorkflow, readonly string[]]>([
    [
      "whose version is gone leaves those that began with it",
      workflow("ask", { input, run, version: 3, earlier: { 2: run }, signals }),
      ['version 1 of workflow "ask" is gone: those that began with it could not go on'],
    ],
    [
      "that goes back to an earlier version leaves those that began with the later one",
      workflow("ask", { input, run, version: 1, signals }),
      ['version 2 of workflow "ask" is gone: those that began with it could not go on'],
    ],
    [
      "whose signal is gone leaves those that wait for it, and is said once",
      workflow("ask", { input, run, version: 2, earlier: { 1: run }, signals: { approved: z.object({}) } }),
      ['signal "ask.refused" is gone: clients may send it, and those under way may wait for it'],
    ],
  ])("%s", (_, made, problems) => {
    expect(incompatibilities(before, of(made))).toEqual(problems);
  });

  test("that becomes a plain entity, or is gone, leaves those under way", () => {
    const plain = h.entity("ask", { initial: () => 0, events: {}, evolve: {} }).command("start", { decide: () => [] });
    const next = incompatibilities(before, manifest(h.app({ entities: [plain] })));
    expect(next).toContain('workflow "ask" is a workflow no more: those under way stay where they are');
    expect(next).toContain('event "ask.started" is gone: streams that hold one could not be read');
    expect(incompatibilities(before, manifest(h.app({ entities: [order] })))).toEqual([
      'entity "ask" is gone: its streams could not be read any more',
      'subscription "ask" is gone: what it has not handled yet and its dead letters stay behind',
    ]);
  });

  test("of a deployment whose manifest knew nothing of workflows is taken as it is", () => {
    const { workflow: _, ...entity } = before.entities["ask"] ?? expect.fail();
    expect(incompatibilities({ ...before, entities: { ask: entity } }, before)).toEqual([]);
  });
});
