import { readAnswer, unexpectedAnswer } from "./answer.ts";
import { bounded, pause } from "./bounded.ts";
import { ClientError } from "./client-error.ts";
import { createEventParser, type EventParser } from "./event-parser.ts";
import { backoff, sendOnce, type Wire } from "./send.ts";

/** An event of whichever entity. */
export interface WireEvent {
  readonly id: string;
  /** Without the entity's name. */
  readonly type: string;
  readonly version: number;
  readonly time: number;
  readonly data: unknown;
}

/** A stream on which nothing comes for so long is taken for dead; servers send a sign of life every 15 s. */
const silenceMs = 45_000;
/** Range of the wait before the next connection, unless the server names another, milliseconds. */
const retryDefaultMs = 1_000;
const retryMinMs = 100;
const retryMaxMs = 30_000;
/** Longest wait that a server can ask for by Retry-After, milliseconds. */
const retryAfterMaxMs = 300_000;
/** As many events as a bounded answer has: where so many came there are more, and nothing is waited for. */
const pageEvents = 100;

/** All events of the entity after version `after`, and those to come. See Reads in types.ts. */
export async function* watch(
  wire: Wire,
  path: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<WireEvent, void, undefined> {
  const { platform } = wire;
  let last = after;
  let failures = 0;
  let retryMs = retryDefaultMs;
  const retryOf = (parser: EventParser): number => (retryMs = Math.max(retryMinMs, parser.retryMs ?? retryMs));
  const aborted = (): boolean => signal?.aborted === true;
  while (!aborted()) {
    const parser = createEventParser();
    const from = last;
    let waitMs = 0;
    try {
      for await (const event of connect(wire, path, last, parser, signal)) {
        if (aborted()) return;
        if (event.version <= last) continue;
        if (event.version !== last + 1) throw unexpectedAnswer("an event is missing", 200, "later");
        last = event.version;
        failures = 0;
        yield event;
      }
      failures = 0;
      if (last - from < pageEvents) waitMs = backoff(platform, 0, retryOf(parser), retryMaxMs);
    } catch (error) {
      if (aborted()) return;
      if (!(error instanceof ClientError) || error.retry !== "later") throw error;
      const afterMs = Math.min(error.retryAfterMs ?? 0, retryAfterMaxMs);
      waitMs = afterMs + backoff(platform, failures++, retryOf(parser), retryMaxMs);
    }
    // Rejects only when the signal says so.
    await pause(platform, waitMs, signal).catch(() => {});
  }
}

/** The events of one connection, until it ends. @throws ClientError */
async function* connect(
  wire: Wire,
  path: string,
  after: number,
  parser: EventParser,
  signal: AbortSignal | undefined,
): AsyncGenerator<WireEvent, void, undefined> {
  const { platform } = wire;
  const reader = await bounded(platform, wire.attemptTimeoutMs, signal, async (signal) => {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": String(after) };
    const response = await sendOnce(wire, { method: "GET", path, headers }, signal);
    if (!response.ok) await readAnswer(response, platform.now());
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      throw unexpectedAnswer("it is no event stream", response.status);
    }
    // Node's type says ReadableStream of any.
    return (response.body as ReadableStream<Uint8Array>).getReader();
  });
  const cancel = (): void => void reader.cancel().catch(() => {});
  // At once, not when the loop comes back for the next event.
  signal?.addEventListener("abort", cancel);
  try {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await bounded(platform, silenceMs, signal, () => reader.read());
      if (done) return;
      for (const data of parser.push(decoder.decode(value, { stream: true }))) yield toEvent(data);
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

function toEvent(data: string): WireEvent {
  try {
    return withoutEntity(JSON.parse(data) as WireEvent);
  } catch {
    throw unexpectedAnswer("an event is broken", 200, "later");
  }
}

/** `cart.itemAdded` to `itemAdded`. */
export function withoutEntity(event: WireEvent): WireEvent {
  return { ...event, type: event.type.slice(event.type.indexOf(".") + 1) };
}
