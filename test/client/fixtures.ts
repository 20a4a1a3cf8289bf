import { createClient } from "../../src/client/create-client.ts";
import type { Platform } from "../../src/client/platform.ts";
import type { Client, ClientOptions } from "holdfast/client";
import type { app } from "./app.ts";

export interface TestPlatform extends Platform {
  /** Waits for the promise; whenever nothing goes on by itself the clock jumps to the next timer. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** What each jump of the clock was, milliseconds. */
  readonly jumps: readonly number[];
  /** Timers that are set. */
  readonly pending: number;
}

export const start = 1_700_000_000_000;

/** Time that passes only when nothing else happens, and no randomness: `random()` is what the test says. */
export function createTestPlatform(random: () => number = () => 0.5): TestPlatform {
  const timers = new Set<{ readonly at: number; readonly task: () => void }>();
  const jumps: number[] = [];
  let now = start;
  let ids = 0;
  return {
    now: () => now,
    random,
    newId: () => `id${++ids}`,
    after(delayMs, task) {
      const timer = { at: now + delayMs, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    jumps,
    get pending() {
      return timers.size;
    },
    async run(promise) {
      let over = false;
      const done = (): void => void (over = true);
      promise.then(done, done);
      for (;;) {
        // Bodies of responses take some turns of the event loop.
        for (let i = 0; i < 10 && !over; i++) await new Promise((resolve) => setImmediate(resolve));
        if (over) return promise;
        const [next] = [...timers].toSorted((a, b) => a.at - b.at);
        if (!next) throw new Error("nothing goes on, and no timer is set");
        timers.delete(next);
        jumps.push(next.at - now);
        now = next.at;
        next.task();
      }
    },
  };
}

/** One request as a fake server gets it. */
export interface Sent {
  readonly url: string;
  readonly method: string | undefined;
  readonly headers: Headers;
  readonly body: unknown;
  readonly signal: AbortSignal;
  readonly init: RequestInit;
}

export type Reaction = (sent: Sent, n: number) => Response | Promise<Response>;

export interface Fixture {
  readonly shop: Client<typeof app>;
  readonly platform: TestPlatform;
  readonly sent: readonly Sent[];
}

/** A client with a fake server: the reactions in turn, the last one for all that follows. */
export function createFixture(
  reactions: Reaction | readonly Reaction[],
  options: Partial<ClientOptions> = {},
  platform: TestPlatform = createTestPlatform(),
): Fixture {
  const sent: Sent[] = [];
  const list = typeof reactions === "function" ? [reactions] : reactions;
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { method, body, signal } = init;
    if (!signal) throw new Error("a request without a signal cannot be ended");
    const request = { url, method, headers: new Headers(init.headers), body, signal, init };
    sent.push(request);
    const react = list[Math.min(sent.length, list.length) - 1];
    if (!react) throw new Error("no reaction");
    return react(request, sent.length);
  };
  return { shop: createClient<typeof app>({ url: "http://shop.test/", fetch, ...options }, platform), platform, sent };
}

export function replies(body: unknown, version: number, headers: Record<string, string> = {}): Reaction {
  return () =>
    new Response(body === undefined ? null : JSON.stringify(body), {
      status: body === undefined ? 204 : 200,
      headers: { ETag: `"${version}"`, ...headers },
    });
}

export function problem(
  status: number,
  code: string,
  extra: object = {},
  headers: Record<string, string> = {},
): Reaction {
  return () =>
    new Response(JSON.stringify({ type: "about:blank", title: "T", status, code, detail: `${code}!`, ...extra }), {
      status,
      headers: { "Content-Type": "application/problem+json", ...headers },
    });
}

/** No answer: the connection is refused, or lost on the way. */
export const lost: Reaction = () => Promise.reject(new TypeError("fetch failed"));

/** Neither an answer nor an error until the request is aborted. */
export const silence: Reaction = ({ signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new TypeError("aborted"))));

/** Nothing at all, not even when the request is aborted. */
export const deaf: Reaction = () => new Promise(() => {});
