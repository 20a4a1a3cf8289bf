import { HoldfastError } from "../../../core/errors.ts";
import { errorAnswer } from "../../../http/answer.ts";
import { securityHeaders } from "../../../http/security-headers.ts";
import type { HttpAnswer } from "./event.ts";
import type { Answered } from "./response.ts";

/**
 * Bytes of an answer as JSON, as the function returns it: Lambda's 6 MB, less what its own fields take.
 * Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (synchronous payload).
 */
export const answerBytesMax: number = 6 * 1024 * 1024 - 16 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A response as Lambda's answer: text as it is, all else in base64.
 * @throws HoldfastError `invalid-query`
 */
export async function answerOf(response: Answered): Promise<HttpAnswer> {
  const named = [...response.headers];
  const cookies = named.filter(([name]) => name === "set-cookie").map(([, value]) => value);
  const headers: HttpAnswer["headers"] = Object.fromEntries(named.filter(([name]) => name !== "set-cookie"));
  const content = contentOf(await response.bytes(), headers["content-type"]);
  const bytes = Buffer.byteLength(JSON.stringify(content.body));
  if (bytes > answerBytesMax) throw tooLarge(bytes);
  return { statusCode: response.status, headers, ...(cookies.length > 0 && { cookies }), ...content };
}

function contentOf(bytes: Uint8Array, type = ""): Pick<HttpAnswer, "body" | "isBase64Encoded"> {
  if (/^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|javascript)\b)/i.test(type) || bytes.length === 0) {
    try {
      return { body: decoder.decode(bytes), isBase64Encoded: false };
    } catch {
      // Says that it is text, and is none.
    }
  }
  return { body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true };
}

/** What was thrown before or behind the HTTP interface, as it would have answered. */
export function problemAnswer(error: unknown, correlation: string, challenge?: string): HttpAnswer {
  const { status, headers, body } = errorAnswer(error, correlation, challenge);
  const named = { ...headers, "X-Correlation-Id": correlation, ...securityHeaders };
  return {
    statusCode: status,
    headers: Object.fromEntries(Object.entries(named).map(([name, value]) => [name.toLowerCase(), value])),
    // The core's problems are text.
    body: typeof body === "string" ? body : "",
    isBase64Encoded: false,
  };
}

function tooLarge(bytes: number): HoldfastError {
  return new HoldfastError(
    "invalid-query",
    `The answer has ${bytes} bytes, and Lambda takes ${answerBytesMax}. Ask for fewer events (limit), or have the view show less.`,
  );
}
