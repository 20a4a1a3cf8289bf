import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import { parseJson, type JsonValue } from "../core/json.ts";
import { checkMediaType } from "./headers.ts";

/**
 * Hands over a body chunk by chunk until it ends or `take` throws, whose error it passes on. Rejects if the client goes
 * away before the end. A host supplies the fastest that its platform has; `streamBody` does for all.
 */
export type BodySource = (take: (chunk: Uint8Array) => void) => Promise<void>;

/** What is held of all bodies together. */
export interface BodyBudget {
  readonly bytesMax: number;
  bytes: number;
}

/** A body source for any Request. */
export function streamBody(request: Request): BodySource {
  return async (take) => {
    if (request.body === null) return;
    const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) take(part.value);
    } finally {
      // Nobody waits for it: a client may take its time to stop.
      reader.cancel().catch(() => {});
    }
  };
}

/** One body as it is read; `release` gives back its share of the budget and is called once, when the request is over. */
export interface Body {
  /**
   * The value; `undefined` where there is no body. A body that is empty although it is said to be JSON is refused where
   * the command `needsInput`; all others may leave it out, with or without a content type.
   */
  read(needsInput: boolean): Promise<JsonValue | undefined>;
  release(): void;
  /** True once everything has arrived. */
  readonly complete: boolean;
}

/** What a chunk costs besides its bytes: many tiny ones must not slip through the budget. */
const chunkCostBytes = 128;

// Fatal: broken UTF-8 is refused. A byte order mark at the start is ignored. Source: RFC 8259, section 8.1.
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a JSON body, never holding more than `bytesMax` of it nor, with all others, more than the budget.
 * `read` throws HoldfastError `payload-too-large`, `overloaded`, `unsupported-media-type`, `malformed-json` or, where
 * the client went away, `request-aborted`.
 */
export function createBody(
  source: BodySource,
  headers: Headers,
  limits: { readonly bytesMax: number; readonly budget: BodyBudget },
): Body {
  const { bytesMax, budget } = limits;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let held = 0;
  let complete = false;
  let released = false;

  function take(chunk: Uint8Array): void {
    if (released) throw aborted();
    if (chunk.byteLength === 0) return;
    if (bytes === 0) checkMediaType(headers);
    if (bytes + chunk.byteLength > bytesMax) throw tooLarge(bytesMax);
    const cost = chunk.byteLength + chunkCostBytes;
    if (budget.bytes + cost > budget.bytesMax) {
      throw new HoldfastError("overloaded", "Too busy: too many bytes of bodies are being read already.", {
        retry: "later",
        retryAfterMs: 1_000,
      });
    }
    bytes += chunk.byteLength;
    held += cost;
    budget.bytes += cost;
    chunks.push(chunk);
  }

  return {
    get complete() {
      return complete;
    },
    async read(needsInput) {
      const announced = headers.get("content-length");
      if (announced !== null && Number(announced) > bytesMax) {
        checkMediaType(headers);
        throw tooLarge(bytesMax);
      }
      try {
        await source(take);
      } catch (cause) {
        if (isHoldfastError(cause)) throw cause;
        throw aborted(cause);
      }
      complete = true;
      if (bytes > 0) return parseJson(decode(chunks.splice(0), bytes));
      if (needsInput && headers.has("content-type")) {
        checkMediaType(headers);
        throw new HoldfastError("malformed-json", "The body is empty; the command needs its input as JSON.");
      }
      return undefined;
    },
    release() {
      if (released) return;
      released = true;
      budget.bytes -= held;
    },
  };
}

function decode(chunks: readonly Uint8Array[], bytes: number): string {
  let whole = chunks[0] ?? new Uint8Array();
  if (chunks.length > 1) {
    whole = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
  }
  try {
    return decoder.decode(whole);
  } catch (cause) {
    throw new HoldfastError("malformed-json", "The body is not valid UTF-8.", { cause });
  }
}

function aborted(cause?: unknown): HoldfastError {
  return new HoldfastError("request-aborted", "The client went away before its request was complete.", { cause });
}

function tooLarge(bytesMax: number): HoldfastError {
  return new HoldfastError("payload-too-large", `The body is longer than ${bytesMax} bytes.`);
}
