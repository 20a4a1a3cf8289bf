import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { HoldfastError } from "../../core/errors.ts";
import { readCorrelation } from "../../core/runtime/telemetry.ts";
import type { System } from "../../core/runtime/system.ts";
import { errorAnswer } from "../../http/answer.ts";
import type { Http } from "../../http/create-http.ts";
import { publicError } from "../../http/status.ts";
import { securityHeaders } from "../../http/security-headers.ts";

/** The route of the one function that answers all requests, and the name of what it catches. */
export const httpRoute = "{*path}";
const caught = "path";

/** How long a caller is waited for, milliseconds. Source: Azure's load balancer ends a request after 230 s. */
export const requestTimeoutMs = 28_000;

/**
 * Answers a request that the host hands over. The host has decoded its path and written it anew, so a `%` that was in an id
 * cannot always be told from one of its own; such a request is refused.
 */
export async function answerHttp(
  request: HttpRequest,
  http: () => Promise<Http>,
  system: System,
): Promise<HttpResponseInit> {
  try {
    const target = targetOf(request);
    const { fetch } = await http();
    // The library's request has what the interface reads of one: method, url, headers, body.
    const response = await fetch(request as unknown as Request, { target });
    return { status: response.status, headers: response.headers as never, body: response.body as never };
  } catch (error) {
    const correlation = readCorrelation(request.headers.get("x-correlation-id") ?? undefined) ?? system.newId();
    if (publicError(error).unexpected) system.log.error({ correlation, error }, "the request failed unexpectedly");
    const { status, headers, body } = errorAnswer(error, correlation);
    return { status, headers: { ...headers, "X-Correlation-Id": correlation, ...securityHeaders }, body: String(body) };
  }
}

/** @throws HoldfastError `invalid-id` */
function targetOf({ url, params }: HttpRequest): string {
  const { pathname, search } = new URL(url);
  const path = params[caught];
  if (path !== undefined && trimmed(decoded(pathname) ?? "") !== trimmed(`/${path}`)) {
    throw new HoldfastError(
      "invalid-id",
      "The functions' host has decoded the path, and the id in it cannot be told for sure any more: on Azure no id may hold a % that two hexadecimal digits follow, and no / \\ ? # as ever.",
    );
  }
  return `${pathname}${search}`;
}

/** As the host has decoded it: a slash that was encoded stays so. */
function decoded(pathname: string): string | undefined {
  try {
    return pathname
      .split(/(%2f)/i)
      .map((part) => (/^%2f$/i.test(part) ? part : decodeURIComponent(part)))
      .join("");
  } catch {
    return undefined;
  }
}

/** Whether a slash at the end is caught with the rest is not documented, and changes nothing. */
function trimmed(path: string): string {
  return path.replace(/\/+$/, "");
}
