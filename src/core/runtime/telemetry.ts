import { isHoldfastError } from "../errors.ts";
import type { Context, Outcome } from "./requests.ts";

/**
 * What an observer of the running app is told: spans and measurements. It decides nothing and may not throw. Whoever
 * implements it turns them into what his tool takes; `holdfast/telemetry` does it for OpenTelemetry.
 */
export interface Telemetry {
  /** An HTTP request arrived; `trace` is the caller's. */
  request(about: { readonly method: string; readonly route: string; readonly trace: string | undefined }): RequestSpan;
  /** A command of an entity that exists begins, below `context.trace`. */
  command(about: CommandAbout): CommandSpan;
  /** A consumer begins an attempt at a message, below `context.trace`, which its cause has stored. */
  message(about: MessageAbout): Span;
  /** The traceparent of what runs now, if the tool follows asynchronous calls. */
  active(): string | undefined;
  /** Another instance has written to an entity first: its commands are decided anew. */
  conflict(entity: string): void;
  /** An entity was loaded, and that many records folded behind its snapshot. */
  loaded(entity: string, records: number): void;
  /** An attempt at asking a dependency is over, or was not made since its circuit is open. */
  reached(dependency: string, outcome: ReachOutcome, ms: number): void;
  /** A consumer gave a message up. */
  deadLetter(consumer: string, code: string): void;
  /**
   * How old the oldest message of a consumer is that is not done, milliseconds: asked whenever it is measured, 0 if there
   * is none, undefined where another process works on it. Returns the way to stop.
   */
  age(consumer: string, read: () => number | undefined): () => void;
  /** Sends what was kept for later. Called when a host has closed; the host bounds it. */
  flush(): Promise<void>;
}

/** `left`: the caller's time was over first. `refused`: nobody was asked. */
export type ReachOutcome = "answered" | "failed" | "timed-out" | "left" | "refused";

/** Something that takes time, as a part of a trace. */
export interface Span {
  /** W3C traceparent, for what it causes; undefined: what the cause had is handed on. */
  readonly trace: string | undefined;
  /** Runs what belongs to it. */
  within<T>(work: () => T): T;
  /** It is over; with the code of what went wrong. */
  end(error?: string): void;
}

export interface RequestSpan extends Omit<Span, "end"> {
  /** `route` once more, in full: `/api/cart/{id}/addItem`. */
  end(about: { readonly route: string; readonly status: number; readonly code: string | undefined }): void;
}

export interface CommandSpan extends Omit<Span, "end"> {
  end(result: CommandResult): void;
}

export interface CommandAbout {
  readonly entity: string;
  readonly command: string;
  readonly tenant: string;
  readonly context: Context;
}

export interface CommandResult {
  /** `refused`: what the caller can mend; `failed`: what he cannot. */
  readonly outcome: "accepted" | "rejected" | "replayed" | "refused" | "failed";
  /** Of a rejection, or of the error. */
  readonly code: string | undefined;
}

export interface MessageAbout {
  /** `subscription:fulfilment`, `worker:imports`, `timer:sweep`, `sends`, `timers`. */
  readonly consumer: string;
  /** Id of the event, message or tick. */
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
  readonly tenant: string;
  readonly context: Context;
  /** It was set for later: not a part of its cause's trace, which is over, but linked to it. */
  readonly later?: boolean;
}

/** Runs a consumer's work in a span of its own; `work` gets the context for what it causes. */
export function observed<T>(
  telemetry: Telemetry | undefined,
  about: MessageAbout,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  return telemetry ? observe(telemetry.message(about), about.context, work) : work(about.context);
}

async function observe<T>(span: Span, context: Context, work: (context: Context) => Promise<T>): Promise<T> {
  try {
    const result = await span.within(() => work(below(context, span)));
    span.end();
    return result;
  } catch (error) {
    span.end(codeOf(error));
    throw error;
  }
}

/** The context of what a span causes. */
export function below(context: Context, { trace }: Pick<Span, "trace">): Context {
  return trace === undefined ? context : { ...context, trace };
}

/** The code of an error, or its name: never its message, in which anything may be. */
export function codeOf(error: unknown): string {
  if (isHoldfastError(error)) return error.code;
  return error instanceof Error ? error.name : "thrown";
}

export function resultOf(outcome: Outcome): CommandResult {
  const code = outcome.ok ? undefined : outcome.code;
  if (outcome.replayed) return { outcome: "replayed", code };
  return { outcome: outcome.ok ? "accepted" : "rejected", code };
}

export function resultOfError(error: unknown): CommandResult {
  const mendable = isHoldfastError(error) && error.retry !== "later" && !/^(internal$|journal-)/.test(error.code);
  return { outcome: mendable ? "refused" : "failed", code: codeOf(error) };
}

/** For log lines: which trace they belong to. The name is OpenTelemetry's. Source: its "Trace Context in non-OTLP Log Formats". */
export function traceField(trace: string | undefined): { readonly trace_id?: string } {
  return trace === undefined ? {} : { trace_id: trace.slice(3, 35) };
}

const correlationForm = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/;

/** A correlation id from outside: that text, if it is 1 to 128 printable ASCII characters. */
export function readCorrelation(text: string | undefined): string | undefined {
  return text !== undefined && correlationForm.test(text) ? text : undefined;
}

const traceForm =
  /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})($|-[\x21-\x7e]{0,256}$)/;

/** A `traceparent` from outside in the form of version 00, or nothing. Source: W3C Trace Context, section 3.2. */
export function readTrace(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [, version, fields, rest] = traceForm.exec(text) ?? [];
  // Version 00 ends here; later versions may have more, which is to be ignored.
  if (fields === undefined || (version === "00" && rest !== "")) return undefined;
  return `00-${fields}`;
}
