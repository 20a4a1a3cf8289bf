import { overloaded } from "../core/runtime/admission.ts";
import type { HistoryEvent } from "../core/runtime/history.ts";
import type { ViewRequest } from "../core/runtime/requests.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { Fairness } from "./fairness.ts";
import { createLiveStream, type LiveStream } from "./live-stream.ts";
import type { HttpSettings } from "./options.ts";

export interface StreamRequest {
  readonly view: ViewRequest;
  /** Version of the last event that the client has. */
  readonly after: number;
  /** Events of a bounded answer, and of one chunk of a live one. */
  readonly limit: number;
  /** For HEAD: checks everything, opens nothing. */
  readonly headOnly: boolean;
}

/** The open event streams of an instance, bounded in number. */
export interface EventStreams {
  /**
   * A history as server-sent events (`id:` the version, `event:` the type, `data:` the event), from the first event
   * after `after` on: every event once, in order, none missing. Live streams end when the client goes away, when `close`
   * was called, after `streamMs`, when the token expires (claim `exp`, epoch seconds), or when the client may no longer
   * read: `authorize` is asked before each read. A client resumes with the last id it saw.
   * Rejects before the first byte where the history cannot be read. Source: WHATWG HTML, section 9.2.
   */
  open(request: StreamRequest): Promise<ReadableStream<Uint8Array> | null>;
  /** Ends all streams, each after what it is just sending, and refuses new ones. */
  close(): void;
  readonly size: number;
}

export type StreamSettings = Pick<
  HttpSettings,
  "live" | "streamsMax" | "streamPollMs" | "streamHeartbeatMs" | "streamMs" | "streamRetryMs"
>;

export function createEventStreams(
  runtime: Runtime,
  settings: StreamSettings,
  fairness: Pick<Fairness, "openStream">,
): EventStreams {
  const open = new Set<LiveStream>();
  let closed = false;
  return {
    get size() {
      return open.size;
    },
    async open({ view, after, limit, headOnly }) {
      if (closed) throw overloaded("this instance is shutting down");
      if (open.size >= settings.streamsMax) throw overloaded(`${open.size} event streams are open already`);
      const preamble = `retry: ${settings.streamRetryMs}\n\n`;
      if (!settings.live || headOnly) {
        const { events } = await runtime.history({ ...view, after, limit: headOnly ? 1 : limit });
        return headOnly ? null : once(preamble + encodeEvents(events));
      }
      // It takes its place before the first wait, so that the bound holds.
      const leave = fairness.openStream(view.principal);
      const stream = createLiveStream(runtime, settings, { view, after, limit }, () => {
        open.delete(stream);
        leave();
      });
      open.add(stream);
      return stream.start(preamble);
    },
    close() {
      closed = true;
      for (const stream of open) stream.end();
    },
  };
}

/** JSON has no line breaks, so each event is one `data:` line. */
export function encodeEvents(events: readonly HistoryEvent[]): string {
  let text = "";
  for (const event of events) {
    text += `id: ${event.version}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }
  return text;
}

function once(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}
