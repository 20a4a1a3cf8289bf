import type { Outcome } from "../core/runtime/requests.ts";
import type { JsonValue } from "../core/json.ts";
import { isHoldfastError } from "../core/errors.ts";
import { publicError, titleOf } from "./status.ts";

/** What is sent back, before it becomes the host's kind of response. */
export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string | ReadableStream<Uint8Array> | null;
  /** The problem's code, for the log. */
  readonly code?: string;
}

/** RFC 9457 problem details, as every error of Holdfast's HTTP interface looks. */
export interface Problem {
  /** `code` says more than a type could; RFC 9457, section 4.2.1. */
  readonly type: "about:blank";
  /** The reason phrase of the status. */
  readonly title: string;
  readonly status: number;
  /** Stable, part of the contract. */
  readonly code: string;
  readonly detail?: string;
  /** The correlation id, percent-encoded: a URI reference. */
  readonly instance: string;
  /** True if the entity has refused the command. */
  readonly rejected?: true;
  /** Events in the stream when the command was rejected. */
  readonly version?: number;
  /** What a schema refused, the first 100. `path` holds property names and indices from the root of the body. */
  readonly errors?: readonly { readonly message: string; readonly path: readonly (string | number)[] }[];
}

const errorsMax = 100;

export const jsonType = "application/json";
export const problemType = "application/problem+json";

export function json(value: JsonValue | object, headers: Answer["headers"] = {}): Answer {
  return { status: 200, headers: { "Content-Type": jsonType, ...headers }, body: JSON.stringify(value) };
}

/** An entity tag: the number of events in the stream, quoted. */
export function etag(version: number): string {
  return `"${version}"`;
}

/** The answer to a command that was decided: the reply, nothing, or the rejection. */
export function outcomeAnswer(outcome: Outcome, correlation: string): Answer {
  const headers: Record<string, string> = { ETag: etag(outcome.version) };
  if (outcome.replayed) headers["Idempotency-Replayed"] = "true";
  if (outcome.ok) {
    return outcome.reply === undefined ? { status: 204, headers, body: null } : json(outcome.reply, headers);
  }
  const { status, code, message, version } = outcome;
  return problem({ status, code, detail: message, rejected: true, version }, correlation, headers);
}

/** The answer to whatever was thrown. `challenge` goes with a 401. */
export function errorAnswer(error: unknown, correlation: string, challenge = "Bearer"): Answer {
  const { status, code, detail } = publicError(error);
  const headers: Record<string, string> = {};
  const known = isHoldfastError(error) ? error : undefined;
  if (status === 401) headers["WWW-Authenticate"] = challenge;
  if (status === 429 || status === 503) {
    headers["Retry-After"] = String(Math.max(1, Math.ceil((known?.retryAfterMs ?? 1_000) / 1_000)));
  }
  const allow = code === "method-not-allowed" ? known?.details : undefined;
  if (typeof allow === "string") headers["Allow"] = allow;
  const issues = code === "validation-failed" ? (known?.details as Problem["errors"]) : undefined;
  return problem(
    { status, code, ...(detail !== undefined && { detail }), ...(issues && { errors: issues.slice(0, errorsMax) }) },
    correlation,
    headers,
  );
}

export function problem(
  about: Omit<Problem, "type" | "title" | "instance">,
  correlation: string,
  headers: Answer["headers"] = {},
): Answer {
  const { status, code } = about;
  const body: Problem = {
    type: "about:blank",
    title: titleOf(status),
    ...about,
    instance: encodeURIComponent(correlation),
  };
  return { status, code, headers: { "Content-Type": problemType, ...headers }, body: JSON.stringify(body) };
}
