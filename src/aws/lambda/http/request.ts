import { HoldfastError } from "../../../core/errors.ts";
import type { Header, HttpEnv } from "../../../http/exchange.ts";
import type { HttpEvent } from "./event.ts";
import { pathOf, type PathOptions } from "./path.ts";

/** An event as the HTTP interface takes it. */
export interface ReadRequest {
  /** Method and URL, which is all that the interface reads of it; the body is in the environment alone. */
  readonly request: Request;
  readonly env: HttpEnv;
  /** The same as a real Request, made at the first call: Node loads what makes one when it is first asked for. */
  whole(): Request;
}

/** @throws HoldfastError `invalid-id`, `not-found`, `malformed-request` */
export function requestOf(event: HttpEvent, options: PathOptions): ReadRequest {
  const path = pathOf(event, options);
  const { rawQueryString: query = "", requestContext } = event;
  const target = query === "" ? path : `${path}?${query}`;
  const headers = headersOf(event);
  const url = urlOf(`https://${requestContext.domainName || "lambda"}${target}`);
  const method = methodOf(requestContext.http.method);
  const bytes = bytesOf(event);
  const header: Header = (name) => headers.get(name);
  let made: Request | undefined;
  const whole = (): Request => (made ??= new Request(url, { method, headers: [...headers] }));
  const light: Pick<Request, "method" | "url" | "headers" | "body"> = {
    method,
    url,
    get headers() {
      return whole().headers;
    },
    body: null,
  };
  // What else a Request has nobody asks for on the way to the interface.
  return { request: light as Request, env: { target, header, body: async (take) => take(bytes) }, whole };
}

/** As `new Request` would refuse and write it. */
function urlOf(text: string): string {
  const url = URL.parse(text);
  if (url && url.username === "" && url.password === "") return url.href;
  throw malformed("its URL cannot be used");
}

/** Source: RFC 9110, section 5.6.2. */
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** Source: Fetch, forbidden methods and the normalisation of methods. */
function methodOf(method: string): string {
  if (!token.test(method) || /^(?:connect|trace|track)$/i.test(method)) throw malformed("its method cannot be used");
  return /^(?:delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method;
}

/** By their names in lower case. HTTP APIs take cookies out of the headers, Function URLs leave them in, too. */
function headersOf({ headers, cookies }: HttpEvent): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  const set = (name: string, value: string): void => {
    // Bytes as Node's server shows them: one character each.
    const bytes = Buffer.from(value)
      .toString("latin1")
      .replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (!token.test(name) || /[\0\r\n]/.test(bytes)) throw malformed("a header cannot be used");
    result.set(name.toLowerCase(), bytes);
  };
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) set(name, value);
  }
  if (cookies && cookies.length > 0) set("cookie", cookies.join("; "));
  return result;
}

function bytesOf({ body, isBase64Encoded }: HttpEvent): Uint8Array {
  return Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8");
}

function malformed(what: string): HoldfastError {
  return new HoldfastError("malformed-request", `The request is not understood: ${what}.`);
}
