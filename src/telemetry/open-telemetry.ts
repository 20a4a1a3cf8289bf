import {
  context as contexts,
  isSpanContextValid,
  metrics,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace as traces,
  type Attributes,
  type Context,
  type Link,
  type Span as OtelSpan,
  type SpanContext,
} from "@opentelemetry/api";
import type { CommandResult, Span, Telemetry } from "../core/runtime/telemetry.ts";
import { createInstruments } from "./instruments.ts";

/** What spans and metrics say they are from. */
const scope = "holdfast";

/**
 * Telemetry by OpenTelemetry's API: spans and metrics go to whatever SDK was started before this is called, else
 * nowhere. Attributes hold names, ids of messages and correlation ids, never inputs, keys, tokens or texts of errors; on
 * metrics names only. docs/guide/telemetry.md lists all of it.
 */
export function openTelemetry(): Telemetry {
  const tracer = traces.getTracer(scope);
  const instruments = createInstruments(metrics.getMeter(scope));

  function start(name: string, parent: Context, kind: SpanKind, attributes: Attributes, links: Link[] = []): Started {
    const span = tracer.startSpan(name, { kind, attributes, links }, parent);
    return started(span, traces.setSpan(parent, span));
  }

  return {
    request({ method, route, trace }) {
      const active = activeOf(trace);
      // Somebody else's span is there for the request already, of an instrumentation of node:http for example.
      if (active) return { trace: active.trace, within: (work) => work(), end: () => {} };
      const attributes = { "http.request.method": method };
      const span = start(`${method} ${route}`, remote(trace), SpanKind.SERVER, attributes);
      return {
        ...span,
        end({ route, status, code }) {
          span.span.updateName(`${method} ${route}`);
          span.span.setAttributes({ "http.route": route, "http.response.status_code": status });
          if (status >= 500) fail(span.span, code ?? String(status));
          span.span.end();
        },
      };
    },
    command({ entity, command, tenant, context }) {
      const from = performance.now();
      const { trace } = context;
      const attributes = { "holdfast.entity": entity, "holdfast.command": command, "holdfast.tenant": tenant };
      const parent = activeOf(trace)?.context ?? remote(trace);
      const span = start(`${entity}.${command}`, parent, SpanKind.INTERNAL, { ...attributes, ...idsOf(context) });
      return {
        ...span,
        end(result) {
          instruments.command(entity, command, result, (performance.now() - from) / 1_000);
          endCommand(span.span, result);
        },
      };
    },
    message({ consumer, id, attempt, tenant, context, later = false }) {
      const attributes = {
        "messaging.system": "holdfast",
        "messaging.operation.type": "process",
        "messaging.destination.name": consumer,
        "messaging.message.id": id,
        "holdfast.consumer": consumer,
        "holdfast.attempt": attempt,
        "holdfast.tenant": tenant,
        ...idsOf(context),
      };
      const cause = spanContextOf(context.trace);
      const parent = later ? ROOT_CONTEXT : remote(context.trace);
      const links = later && cause ? [{ context: cause }] : [];
      return start(`process ${consumer}`, parent, SpanKind.CONSUMER, attributes, links);
    },
    active: () => activeOf(undefined)?.trace,
    conflict: instruments.conflict,
    loaded: instruments.loaded,
    deadLetter: instruments.deadLetter,
    reached: instruments.reached,
    age: instruments.age,
    async flush() {
      const tracing = traces.getTracerProvider();
      await Promise.all([
        flushed(tracing instanceof ProxyTracerProvider ? tracing.getDelegate() : tracing),
        flushed(metrics.getMeterProvider()),
      ]);
    },
  };
}

/** The API knows no such method, every SDK has it. */
async function flushed(provider: object & { readonly forceFlush?: unknown }): Promise<void> {
  if (typeof provider.forceFlush === "function") await provider.forceFlush();
}

interface Started extends Span {
  readonly span: OtelSpan;
}

function started(span: OtelSpan, context: Context): Started {
  return {
    span,
    trace: traceOf(span.spanContext()),
    within: (work) => contexts.with(context, work),
    end(error) {
      if (error !== undefined) fail(span, error);
      span.end();
    },
  };
}

function endCommand(span: OtelSpan, { outcome, code }: CommandResult): void {
  span.setAttribute("holdfast.outcome", outcome);
  if (code !== undefined) span.setAttribute("holdfast.code", code);
  if (outcome === "failed") fail(span, code ?? "failed");
  span.end();
}

/** Without the error's text, in which anything may be. */
function fail(span: OtelSpan, code: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute("error.type", code);
}

function idsOf({ correlation, causation }: { readonly correlation?: string; readonly causation?: string }): Attributes {
  return {
    ...(correlation !== undefined && { "holdfast.correlation": correlation }),
    ...(causation !== undefined && { "holdfast.causation": causation }),
  };
}

/**
 * The active span, if it is a part of that trace, or of any where none is given. Another one is somebody else's: work is
 * done in groups, which begin where the first of them arrived.
 */
function activeOf(trace: string | undefined): { readonly trace: string; readonly context: Context } | undefined {
  const context = contexts.active();
  const found = traces.getSpanContext(context);
  const own = found && traceOf(found);
  if (own === undefined || (trace !== undefined && own.slice(0, 35) !== trace.slice(0, 35))) return undefined;
  return { trace: own, context };
}

/** The context of a parent elsewhere; without one, of a new trace. */
function remote(trace: string | undefined): Context {
  const parent = spanContextOf(trace);
  return parent ? traces.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

/** Source: W3C Trace Context, section 3.2: `00-<trace id>-<span id>-<flags>`. */
function spanContextOf(trace: string | undefined): SpanContext | undefined {
  if (trace === undefined) return undefined;
  const found = {
    traceId: trace.slice(3, 35),
    spanId: trace.slice(36, 52),
    traceFlags: Number.parseInt(trace.slice(53, 55), 16) || 0,
    isRemote: true,
  };
  return isSpanContextValid(found) ? found : undefined;
}

function traceOf(found: SpanContext): string | undefined {
  if (!isSpanContextValid(found)) return undefined;
  return `00-${found.traceId}-${found.spanId}-${found.traceFlags.toString(16).padStart(2, "0")}`;
}
