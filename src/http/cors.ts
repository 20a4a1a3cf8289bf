import { HoldfastError } from "../core/errors.ts";
import type { Answer } from "./answer.ts";
import type { Header } from "./exchange.ts";

/** Which pages of other origins may use the API. */
export interface CorsOptions {
  /** Exact origins (`https://shop.example`), or `*` for all: then without cookies. */
  readonly origins: readonly string[] | "*";
  /** Whether pages may send cookies. Default false: tokens in `Authorization` need no cookies. */
  readonly credentials?: boolean;
  /** Request headers besides those of the contract, for what `authenticate` reads. Default none. */
  readonly headers?: readonly string[];
  /** How long a browser remembers that it may, milliseconds. Default 600,000. */
  readonly maxAgeMs?: number;
}

/** The answers' side of CORS. Source: Fetch, section 3.2 (CORS protocol). */
export interface Cors {
  /** What goes on the answer to a request from that origin. An origin that is not listed is never named. */
  headers(origin: string | undefined): Answer["headers"];
  /** The answer to a preflight from an origin that is listed; `undefined` for every other request. */
  preflight(method: string, header: Header): Answer | undefined;
  /** Whether it is in the list. With `*` none is: all may read, but nobody has said that they are trusted. */
  isListed(origin: string | undefined): boolean;
}

/** What a browser may send without asking is not in here. */
const requestHeaders =
  "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Correlation-Id, X-Request-Timeout-Ms, traceparent, tracestate";

const exposed = "ETag, Retry-After, Idempotency-Replayed, X-Correlation-Id";

const known: ReadonlySet<string> = new Set(["origins", "credentials", "headers", "maxAgeMs"]);

/** @throws HoldfastError `invalid-options` for what is no origin, and for cookies to everybody */
export function createCors(options: CorsOptions): Cors {
  const { origins, credentials = false, headers = [], maxAgeMs = 600_000 } = options;
  check(options);
  const all = origins === "*";
  const listed: ReadonlySet<string> = new Set(all ? [] : origins);
  const shared = { "Access-Control-Expose-Headers": exposed, ...(credentials && allowCredentials) };
  // Said to all, also to those who may not: a cache must not give one origin's answer to another.
  const varying = all ? {} : { Vary: "Origin" };
  const permission = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": [requestHeaders, ...headers].join(", "),
    "Access-Control-Max-Age": String(Math.floor(maxAgeMs / 1_000)),
  };
  const isListed = (origin: string | undefined): boolean => origin !== undefined && listed.has(origin);
  const isAllowed = (origin: string | undefined): boolean => (all && origin !== undefined) || isListed(origin);
  return {
    isListed,
    headers(origin) {
      if (origin === undefined || !isAllowed(origin)) return varying;
      return { "Access-Control-Allow-Origin": all ? "*" : origin, ...shared, ...varying };
    },
    preflight(method, header) {
      if (method !== "OPTIONS" || header("access-control-request-method") === undefined) return undefined;
      return isAllowed(header("origin")) ? { status: 204, headers: permission, body: null } : undefined;
    },
  };
}

const allowCredentials = { "Access-Control-Allow-Credentials": "true" };

function check({ origins, credentials = false, headers = [], maxAgeMs = 0, ...rest }: CorsOptions): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(`Unknown option "${unknown}" of cors. Known: ${[...known].join(", ")}.`);
  if (origins === "*" && credentials) throw invalid("cors with credentials needs its origins listed, not *.");
  if (origins !== "*" && !Array.isArray(origins)) throw invalid('cors.origins must be a list of origins, or "*".');
  for (const origin of origins === "*" ? [] : origins) {
    if (typeof origin === "string" && isOrigin(origin)) continue;
    throw invalid(
      `cors.origins has ${JSON.stringify(origin)}; an origin is like https://shop.example, without a path.`,
    );
  }
  for (const name of headers) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      throw invalid(`cors.headers has ${JSON.stringify(name)}: no header's name.`);
  }
  if (!Number.isSafeInteger(maxAgeMs) || maxAgeMs < 0) {
    throw invalid(`cors.maxAgeMs is ${String(maxAgeMs)}; it must be a whole number from 0.`);
  }
}

/**
 * "null" is none: it is the origin of every sandboxed frame and local file, and to list it would be to list all. What
 * WHATWG URL gives no origin of its own has one in the apps that are made of pages: `capacitor://localhost`.
 */
function isOrigin(text: string): boolean {
  const origin = URL.parse(text)?.origin;
  if (origin === "null") return /^(?!file:)[a-z][a-z\d+.-]*:\/\/[a-z\d.-]+(?::\d+)?$/.test(text);
  return origin === text && !text.includes("*");
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
