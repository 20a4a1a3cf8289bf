import { readAnswer, type Answer } from "./answer.ts";
import { bounded, pause } from "./bounded.ts";
import type { RetryBudget } from "./budget.ts";
import { ClientError } from "./client-error.ts";
import type { Platform } from "./platform.ts";
import type { ClientOptions } from "./types.ts";

/** What all requests of a client share. */
export interface Wire {
  readonly platform: Platform;
  readonly options: ClientOptions;
  /** Without a slash at its end. */
  readonly url: string;
  readonly budget: RetryBudget;
  readonly attemptTimeoutMs: number;
}

export interface Request {
  readonly method: "GET" | "POST";
  /** Percent-encoded, from `/api` on. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string | undefined;
}

/** First and longest range of the random wait before a retry, milliseconds; it doubles in between. */
const backoffMs = 100;
const backoffMaxMs = 5_000;

/** The random wait before retry n (from 0). Source: "Exponential Backoff And Jitter", AWS Architecture Blog: full jitter. */
export function backoff(platform: Platform, retries: number, firstMs: number, maxMs: number): number {
  return platform.random() * Math.min(maxMs, firstMs * 2 ** retries);
}

/** Sends a request once. @throws ClientError `headers-failed`; whatever fetch throws */
export async function sendOnce({ options, url }: Wire, request: Request, signal: AbortSignal): Promise<Response> {
  const { headers: source, credentials } = options;
  let headers: Headers;
  try {
    headers = new Headers(typeof source === "function" ? await source() : source);
  } catch (cause) {
    throw new ClientError("headers-failed", "The headers for the request could not be made.", { cause });
  }
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, value);
  const { method, body } = request;
  const send = options.fetch ?? fetch;
  return send(url + request.path, {
    method,
    headers,
    signal,
    ...(body !== undefined && { body }),
    ...(credentials && { credentials }),
  });
}

/** Tells the server how long anybody waits for its answer: what it has not stored by then it does not store. */
function withTimeout(request: Request, ms: number): Request {
  const timeout = String(Math.max(1, Math.floor(ms)));
  return { ...request, headers: { ...request.headers, "X-Request-Timeout-Ms": timeout } };
}

/**
 * Sends a request until it is answered: retries what may pass, with full jitter, no earlier than Retry-After says,
 * never past `deadline` (epoch milliseconds) and never beyond the client's budget. All attempts are the same request.
 * `read` makes of the answer what the caller wants, and throws a ClientError if it cannot.
 * @throws ClientError of the last attempt, with the number of attempts
 */
export async function send<T>(
  wire: Wire,
  request: Request,
  deadline: number,
  signal: AbortSignal | undefined,
  read: (answer: Answer) => T,
): Promise<T> {
  const { platform, budget } = wire;
  let attempts = 0;
  try {
    for (;;) {
      const leftMs = Math.max(0, deadline - platform.now());
      try {
        const timeoutMs = Math.min(wire.attemptTimeoutMs, leftMs);
        const timed = request.method === "POST" ? withTimeout(request, timeoutMs) : request;
        const answer = await bounded(platform, timeoutMs, signal, async (signal) => {
          attempts++;
          return readAnswer(await sendOnce(wire, timed, signal), platform.now());
        });
        budget.earn();
        return read(answer);
      } catch (error) {
        // `bounded` and `read` throw nothing else.
        const { retry, retryAfterMs = 0, status } = error as ClientError;
        if (retry !== "later") {
          if (status !== undefined) budget.earn();
          throw error;
        }
        const waitMs = retryAfterMs + backoff(platform, attempts - 1, backoffMs, backoffMaxMs);
        if (platform.now() + waitMs >= deadline || !budget.take()) throw error;
        await pause(platform, waitMs, signal);
      }
    }
  } catch (error) {
    throw Object.assign(error as ClientError, { attempts });
  }
}
