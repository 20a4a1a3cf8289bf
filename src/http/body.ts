import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import { overloaded } from "../core/runtime/admission.ts";
import { parseJson, type JsonValue } from "../core/json.ts";
import type { Header } from "./exchange.ts";
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

/** What is known of a body while it is read and until its request is over. */
export interface Body {
  /** Its share of the budget. */
  held: number;
  /** True once everything has arrived. */
  complete: boolean;
  released: boolean;
}

/** What a chunk costs besides its bytes: many tiny ones must not slip through the budget. */
const chunkCostBytes = 128;

// Fatal: broken UTF-8 is refused. A byte order mark at the start is ignored. Source: RFC 8259, section 8.1.
const decoder = new TextDecoder("utf-8", { fatal: true });

export interface ReadOptions {
  readonly source: BodySource;
  readonly header: Header;
  readonly bytesMax: number;
  readonly budget: BodyBudget;
  /**
   * A body that is empty although it is said to be JSON is refused where the command needs its input; all others may
   * leave it out, with or without a content type.
   */
  readonly needed: boolean;
}

/**
 * Reads a JSON body, never holding more than `bytesMax` of it nor, with all others, more than the budget; `undefined`
 * where there is none. `releaseBody` must follow once the request is over, whatever came of it.
 * @throws HoldfastError `payload-too-large`, `overloaded`, `unsupported-media-type`, `malformed-json` or, where the
 * client went away, `request-aborted`
 */
export async function readBody(body: Body, options: ReadOptions): Promise<JsonValue | undefined> {
  const { source, header, bytesMax, budget, needed } = options;
  const announced = header("content-length");
  if (announced !== undefined && Number(announced) > bytesMax) {
    checkMediaType(header);
    throw tooLarge(bytesMax);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    await source((chunk) => {
      if (body.released) throw aborted();
      if (chunk.byteLength === 0) return;
      if (bytes === 0) checkMediaType(header);
      if (bytes + chunk.byteLength > bytesMax) throw tooLarge(bytesMax);
      const cost = chunk.byteLength + chunkCostBytes;
      if (budget.bytes + cost > budget.bytesMax) {
        throw overloaded("too many bytes of bodies are being read already");
      }
      bytes += chunk.byteLength;
      body.held += cost;
      budget.bytes += cost;
      chunks.push(chunk);
    });
  } catch (cause) {
    throw isHoldfastError(cause) ? cause : aborted(cause);
  }
  body.complete = true;
  if (bytes > 0) return parseJson(decode(chunks, bytes));
  if (needed && header("content-type") !== undefined) {
    checkMediaType(header);
    throw new HoldfastError("malformed-json", "The body is empty; the command needs its input as JSON.");
  }
  return undefined;
}

/** Gives the body's share of the budget back; what still arrives is refused. Repeatable. */
export function releaseBody(body: Body, budget: BodyBudget): void {
  if (body.released) return;
  body.released = true;
  budget.bytes -= body.held;
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
