import { isHoldfastError } from "../core/errors.ts";
import type { HistoryEvent } from "../core/runtime/history.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import { encodeEvents, type StreamRequest, type StreamSettings } from "./event-stream.ts";
import { publicError } from "./status.ts";

/** One open stream. */
export interface LiveStream {
  /** The stream's bytes, beginning with `preamble`; rejects, and ends, where the first page cannot be read. */
  start(preamble: string): Promise<ReadableStream<Uint8Array>>;
  end(): void;
}

const encoder = new TextEncoder();

/**
 * Reads on when this instance has stored something, and every `streamPollMs` for what others have stored. Nothing is
 * read while the client does not keep up: the stream is pulled.
 */
export function createLiveStream(
  runtime: Runtime,
  settings: StreamSettings,
  request: Omit<StreamRequest, "headOnly">,
  onEnd: () => void,
): LiveStream {
  const { system } = runtime;
  const { view, limit } = request;
  let { after } = request;
  let spokeAt = system.now();
  const { exp } = view.principal.claims;
  const endsAt = Math.min(spokeAt + settings.streamMs, typeof exp === "number" ? exp * 1_000 : Infinity);
  let ended = false;
  let cancelled = false;
  let moved = false;
  let wake = (): void => {};
  // Before the first read: nothing that is stored from now on is missed.
  const unwatch = runtime.watch({ tenant: view.principal.tenant, entity: view.entity, id: view.id }, () => {
    moved = true;
    wake();
  });

  function end(): void {
    if (ended) return;
    ended = true;
    unwatch();
    onEnd();
    wake();
  }

  function isOpen(): boolean {
    return !ended && system.now() < endsAt;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = system.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async function read(): Promise<readonly HistoryEvent[]> {
    const { events } = await runtime.history({ ...view, after, limit });
    after = events.at(-1)?.version ?? after;
    return events;
  }

  /** As `read`, once the stream runs: what may pass is tried again at the next poll, all else ends the stream. */
  async function readOn(): Promise<readonly HistoryEvent[]> {
    try {
      return await read();
    } catch (error) {
      if (isHoldfastError(error) && error.retry === "later") return [];
      if (publicError(error).unexpected) {
        const { entity, id } = view;
        system.log.error({ entity, id, error }, "an event stream failed");
      }
      end();
      return [];
    }
  }

  /** What the client gets next, as soon as there is something; `undefined` at the end. */
  async function next(): Promise<string | undefined> {
    while (isOpen()) {
      moved = false;
      const events = await readOn();
      if (events.length > 0) return encodeEvents(events);
      const now = system.now();
      const silentMs = now - spokeAt;
      if (silentMs >= settings.streamHeartbeatMs) return ":\n\n";
      if (moved || !isOpen()) continue;
      await pause(Math.min(settings.streamPollMs, settings.streamHeartbeatMs - silentMs, endsAt - now));
    }
    return undefined;
  }

  return {
    end,
    async start(preamble) {
      let first: string;
      try {
        first = preamble + encodeEvents(await read());
      } catch (error) {
        end();
        throw error;
      }
      return new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(encoder.encode(first)),
        async pull(controller) {
          const text = await next();
          if (cancelled) return;
          if (text === undefined) {
            end();
            controller.close();
            return;
          }
          spokeAt = system.now();
          controller.enqueue(encoder.encode(text));
        },
        cancel() {
          cancelled = true;
          end();
        },
      });
    },
  };
}
