import type { Retry } from "../core/errors.ts";
import { ClientError } from "./client-error.ts";

/** What an entity answered: a reply, a view, a page of events, or a rejection. */
export interface Answer {
  /** From the ETag; `undefined` where the answer has none. */
  readonly version: number | undefined;
  readonly replayed: boolean;
  /** The parsed body; `undefined` where there is none. */
  readonly body: unknown;
  /** Set if the entity refused the command. */
  readonly rejection: { readonly code: string; readonly message: string } | undefined;
}

/** The members of RFC 9457 problem details that matter here; a stranger's answer may lack all of them. */
interface Problem {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly errors?: unknown;
  readonly rejected?: unknown;
  readonly version?: unknown;
}

/** Statuses after which the same request may succeed. A rejection is none of them, whatever its status is. */
const passing: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/**
 * Reads an answer to its end. `now` (epoch milliseconds) is for a Retry-After that is a date.
 * @throws ClientError for everything that is neither success nor a rejection
 */
export async function readAnswer(response: Response, now: number): Promise<Answer> {
  const { headers, ok, status } = response;
  const text = await response.text();
  const body = parse(text);
  const problem: Problem = isProblem(body) ? body : {};
  const replayed = headers.get("Idempotency-Replayed") === "true";
  const version = versionOf(headers.get("ETag"));
  if (ok) {
    if (text !== "" && body === undefined) throw unexpectedAnswer("it is not JSON", status);
    return { version, replayed, body, rejection: undefined };
  }
  if (problem.rejected === true && typeof problem.code === "string") {
    return {
      version: typeof problem.version === "number" ? problem.version : version,
      replayed,
      body: undefined,
      rejection: { code: problem.code, message: String(problem.detail ?? problem.title ?? problem.code) },
    };
  }
  throw failure(problem, status, headers, now);
}

/** What came does not look like Holdfast: a wrong address, or something in between that changes answers. */
export function unexpectedAnswer(reason: string, status?: number, retry: Retry = "never"): ClientError {
  return new ClientError("unexpected-answer", `The server's answer cannot be used: ${reason}.`, { retry, status });
}

function failure({ code, detail, title, errors }: Problem, status: number, headers: Headers, now: number): ClientError {
  const retry = status === 412 ? "reload" : passing.has(status) ? "later" : "never";
  if (typeof code !== "string") {
    const retryAfterMs = retryAfter(headers, now);
    return new ClientError("unexpected-answer", `The server answered ${status}.`, { retry, status, retryAfterMs });
  }
  return new ClientError(code, String(detail ?? title ?? code), {
    retry,
    status,
    retryAfterMs: retryAfter(headers, now),
    details: errors,
  });
}

/** Retry-After as milliseconds from now. Source: RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfter(headers: Headers, now: number): number | undefined {
  const text = headers.get("Retry-After") ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // A date is the server's; so is the time that it is compared with, where that can be read.
  const ms = Date.parse(text) - (Date.parse(headers.get("Date") ?? "") || now);
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Also of a weak tag, and of one with a suffix: what compresses on the way makes those of ours. */
function versionOf(etag: string | null): number | undefined {
  const digits = /^(?:W\/)?"(\d+)/.exec(etag ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null;
}
