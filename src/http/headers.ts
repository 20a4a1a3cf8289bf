import { HoldfastError } from "../core/errors.ts";
import { jsonType } from "./answer.ts";
import type { Exchange, Header } from "./exchange.ts";
import type { Context } from "../core/runtime/requests.ts";
import { readCorrelation, readTrace } from "../core/runtime/telemetry.ts";

/**
 * An idempotency key, bare or as a quoted string; both forms are the same key. The rest of its rules is the core's.
 * A bare one has no comma: every host joins a header that was sent twice by one, and nobody can tell any more.
 * Source: RFC 8941, section 3.3.3 (strings); draft-ietf-httpapi-idempotency-key-header.
 * @throws HoldfastError `invalid-idempotency-key` for a quote that is never closed, what follows a closed one, and two
 */
export function parseKeyHeader(text: string): string {
  if (!text.startsWith('"')) {
    if (!text.includes(",")) return text;
    throw new HoldfastError(
      "invalid-idempotency-key",
      "A request has one Idempotency-Key, and a key with a comma in it is quoted.",
    );
  }
  const inner = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)?.[1];
  if (inner === undefined) {
    throw new HoldfastError(
      "invalid-idempotency-key",
      'A quoted idempotency key is printable ASCII between two quotes, with \\" and \\\\ for quotes and backslashes.',
    );
  }
  return inner.replace(/\\(["\\])/g, "$1");
}

/**
 * The version that a command expects: `"3"`, or `*` for any version but 0 (the entity must exist).
 * @throws HoldfastError `invalid-if-match` for weak tags, lists and what is no version
 */
export function parseIfMatch(text: string): number | "existing" {
  if (text === "*") return "existing";
  const digits = /^"(0|[1-9]\d{0,15})"$/.exec(text)?.[1];
  if (digits !== undefined && Number(digits) <= Number.MAX_SAFE_INTEGER) return Number(digits);
  throw new HoldfastError(
    "invalid-if-match",
    'If-Match is one version in quotes, as ETag had it ("3"; "0" for an absent entity), or *.',
  );
}

/**
 * Whether a representation at that version is one that the client has already. Tags that are no versions match
 * nothing; `*` matches every entity that exists. Source: RFC 9110, section 13.1.2 (weak comparison).
 */
export function noneMatches(text: string | undefined, version: number): boolean {
  if (text === undefined) return false;
  if (text.trim() === "*") return version > 0;
  return text.split(",").some((tag) => tag.trim().replace(/^W\//, "") === `"${version}"`);
}

/**
 * How long the caller waits for the answer, milliseconds. A time from now rather than a time of day: clocks differ.
 * @throws HoldfastError `invalid-timeout` for what is no whole number from 1
 */
export function parseTimeout(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new HoldfastError(
    "invalid-timeout",
    `X-Request-Timeout-Ms is "${shown(text)}"; it is a whole number of milliseconds from 1.`,
  );
}

/** The caller's correlation id, if it is 1 to 128 printable ASCII characters. */
export function correlationOf(header: Header): string | undefined {
  return readCorrelation(header("x-correlation-id"));
}

/** The caller's `traceparent` in the form of version 00, or nothing. */
export function traceOf(header: Header): string | undefined {
  return readTrace(header("traceparent"));
}

export function contextOf({ correlation, trace }: Pick<Exchange, "correlation" | "trace">): Context {
  return trace === undefined ? { correlation } : { correlation, trace };
}

/** Whether the client asks for server-sent events by name. */
export function wantsEventStream(header: Header): boolean {
  const accept = header("accept")?.toLowerCase();
  if (!accept?.includes("text/event-stream")) return false;
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim());
    return type === "text/event-stream" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** What leaves a body as it is. */
const plain = { "Content-Encoding": "identity", "Transfer-Encoding": "chunked" };

/** @throws HoldfastError `unsupported-media-type` unless the body is JSON in UTF-8, not compressed */
export function checkMediaType(header: Header): void {
  for (const [name, harmless] of Object.entries(plain)) {
    const encoding = header(name.toLowerCase());
    if (encoding === undefined || encoding.trim().toLowerCase() === harmless) continue;
    throw unsupported(`${name} "${shown(encoding)}" is not understood; send the body as it is.`);
  }
  const text = header("content-type") ?? "";
  if (text === jsonType) return;
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  if (!/^application\/(?:json|[\w!#$&^.+-]+\+json)$/.test(type)) {
    throw unsupported(`Content-Type "${shown(text)}" is not JSON; send application/json.`);
  }
  for (const parameter of parameters) {
    const charset = /^charset\s*=\s*"?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
      throw unsupported(`The charset "${shown(charset)}" is not understood; JSON is UTF-8.`);
    }
  }
}

function unsupported(message: string): HoldfastError {
  return new HoldfastError("unsupported-media-type", message);
}

/** Of what a caller sent, as much as a message needs. */
export function shown(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}
