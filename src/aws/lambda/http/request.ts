import { HoldfastError } from "../../../core/errors.ts";
import type { HttpEnv } from "../../../http/exchange.ts";
import type { HttpEvent } from "./event.ts";
import { pathOf, type PathOptions } from "./path.ts";

/**
 * The event as a Request, and what the Request cannot say. The body is in the environment alone.
 * @throws HoldfastError `invalid-id`, `not-found`, `malformed-request`
 */
export function requestOf(
  event: HttpEvent,
  options: PathOptions,
): { readonly request: Request; readonly env: HttpEnv } {
  const path = pathOf(event, options);
  const { rawQueryString: query = "", requestContext } = event;
  const target = query === "" ? path : `${path}?${query}`;
  const headers = headersOf(event);
  const bytes = bytesOf(event);
  const request = built(
    `https://${requestContext.domainName || "lambda"}${target}`,
    requestContext.http.method,
    headers,
  );
  const header = (name: string): string | undefined => headers.get(name) ?? undefined;
  return { request, env: { target, header, body: async (take) => take(bytes) } };
}

function built(url: string, method: string, headers: Headers): Request {
  try {
    return new Request(url, { method, headers });
  } catch (cause) {
    throw malformed("its method or its URL cannot be used", cause);
  }
}

/** HTTP APIs take cookies out of the headers, Function URLs leave them in, too. */
function headersOf({ headers, cookies }: HttpEvent): Headers {
  const result = new Headers();
  try {
    for (const [name, value] of Object.entries(headers)) {
      // Bytes as Node's server shows them: one character each.
      if (value !== undefined) result.set(name, Buffer.from(value).toString("latin1"));
    }
    if (cookies && cookies.length > 0) result.set("cookie", Buffer.from(cookies.join("; ")).toString("latin1"));
    return result;
  } catch (cause) {
    throw malformed("a header cannot be used", cause);
  }
}

function bytesOf({ body, isBase64Encoded }: HttpEvent): Uint8Array {
  return Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8");
}

function malformed(what: string, cause: unknown): HoldfastError {
  return new HoldfastError("malformed-request", `The request is not understood: ${what}.`, { cause });
}
