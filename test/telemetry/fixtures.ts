import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace";
import { holdfast, on, reject, type App, type Logger } from "holdfast";
import * as z from "zod";

/** What a point of a metric says, as far as the tests look. */
export interface Point {
  readonly attributes: object;
  readonly value: unknown;
}

export interface Sdk {
  readonly spans: () => readonly ReadableSpan[];
  readonly metric: (name: string) => Promise<{ readonly unit: string; readonly points: readonly Point[] } | undefined>;
  readonly stop: () => Promise<void>;
}

/** An OpenTelemetry SDK, registered as a user does it, that keeps everything in memory. */
export function startSdk({ later = false } = {}): Sdk {
  const exporter = new InMemorySpanExporter();
  const Processor = later ? BatchSpanProcessor : SimpleSpanProcessor;
  const tracing = new TracerProvider({ spanProcessors: [new Processor({ exporter })] });
  const kept = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: kept, exportIntervalMillis: 3_600_000 });
  const metering = new MeterProvider({ readers: [reader] });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider(tracing);
  metrics.setGlobalMeterProvider(metering);
  return {
    spans: () => exporter.getFinishedSpans(),
    async metric(name) {
      await reader.forceFlush();
      const all =
        kept
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      const found = all.find(({ descriptor }) => descriptor.name === name);
      return found && { unit: found.descriptor.unit, points: found.dataPoints };
    },
    async stop() {
      trace.disable();
      metrics.disable();
      context.disable();
      await tracing.shutdown();
      await metering.shutdown();
    },
  };
}

export interface Line {
  readonly level: keyof Logger;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines; errors are written out as pino does it. */
export function keepingLogger(lines: Line[]): Logger {
  const keep = (level: keyof Logger) => (fields: object, text: string) => {
    lines.push({ level, text, fields: fields as Line["fields"] });
  };
  return { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}

export interface Services {
  /** What the handlers throw next. */
  readonly failures: Error[];
}

const h = holdfast<Services>();

const note = z.object({ text: z.string() });

/** The last of the chain. */
export const shipment = h
  .entity("shipment", {
    initial: () => ({ count: 0 }),
    events: { prepared: note },
    evolve: { prepared: ({ count }) => ({ count: count + 1 }) },
  })
  .command("prepare", { input: note, decide: (_state, input, { events }) => events.prepared(input) })
  .command("refuse", { decide: () => reject("no-way", "It cannot be.") });

/** Handled by `fulfilment`; sends to `shipment`. */
export const order = h
  .entity("order", {
    initial: () => ({ count: 0 }),
    events: { opened: note },
    evolve: { opened: ({ count }) => ({ count: count + 1 }) },
    snapshotEvery: 2,
  })
  .command("open", {
    input: note,
    decide: (_state, input, { events, id, send }) => {
      send(shipment, id).prepare(input);
      return events.opened(input);
    },
  });

/** Where it begins. */
export const cart = h
  .entity("cart", {
    initial: () => ({ count: 0 }),
    events: { checkedOut: note, reminded: note },
    evolve: { checkedOut: ({ count }) => ({ count: count + 1 }), reminded: ({ count }) => ({ count: count + 1 }) },
    snapshotEvery: 2,
  })
  .command("checkout", { input: note, decide: (_state, input, { events }) => events.checkedOut(input) })
  .command("refuse", { decide: () => reject("cart-closed", "It is closed.") })
  .command("remind", { input: note, decide: (_state, input, { events }) => events.reminded(input) })
  .command("remindLater", {
    input: note,
    decide: (_state, input, { schedule }) => {
      schedule("reminder", { afterMs: 60_000 }).remind(input);
      return [];
    },
  })
  .command("nag", {
    decide: (_state, _input, { send, id }) => {
      send(shipment, id).refuse();
      return [];
    },
  });

export const app: App<unknown, Services> = h.app({
  entities: [cart, order, shipment],
  subscriptions: [
    h.subscription("fulfilment", {
      to: [on(cart.events.checkedOut)],
      handle: async (event, { call, log, services }) => {
        const failure = services.failures.shift();
        if (failure) throw failure;
        log.info({}, "an order is opened");
        await call(order, event.subject).open({ text: event.data.text });
      },
      maxAttempts: 2,
    }),
    h.subscription("arrival", { to: [on(shipment.events.prepared)], handle: async () => {} }),
  ],
  workers: [
    h.worker("imports", {
      queue: "imports",
      input: z.object({ id: z.string(), text: z.string() }),
      key: ({ id }) => id,
      handle: async ({ text }, { call, log }) => {
        if (text === "fails") throw new Error("not now");
        log.info({}, "imported");
        await call(cart, "imported").checkout({ text });
      },
    }),
  ],
  timers: [
    h.timer("sweep", {
      cron: "0 3 * * *",
      handle: async ({ call }) => {
        await call(cart, "swept").remind({ text: "swept" });
      },
    }),
  ],
});

/** All entries of a stream, from what is stored. */
export interface StoredEntry {
  readonly id: string;
  readonly command: string;
  readonly correlation?: string;
  readonly causation?: string;
  readonly trace?: string;
}
