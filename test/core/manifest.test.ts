import { holdfast, incompatibilities, manifest, on, type Manifest } from "holdfast";
import * as z from "zod";
import { describe, expect, test } from "vitest";

const h = holdfast();
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
