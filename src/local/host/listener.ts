import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { errorAnswer } from "../../http/answer.ts";
import type { BodySource } from "../../http/body.ts";
import type { HttpEnv } from "../../http/exchange.ts";
import { shown } from "../../http/headers.ts";
import { securityHeaders } from "../../http/security-headers.ts";

type Fetch = (request: Request, env: HttpEnv) => Promise<Response>;

/** What a node:http server calls, and the class of responses that it sends fastest. */
export interface Listener {
  /** Resolves once the whole answer was handed to `outgoing`. */
  readonly listen: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  readonly Response: typeof Response;
}

/**
 * Connects node:http with a fetch function. @hono/node-server sends its own Response class without the detour over a
 * web stream (1.4 times the requests), but offers it only by replacing the globals of the whole process. Here the class
 * is taken and the globals are put back at once: what users do with Request and Response is their own affair. Should a
 * later version not replace them, the class is the ordinary one: slower, and as right.
 */
export function createListener(fetch: Fetch, newId: () => string): Listener {
  const scope = globalThis;
  const before = (["Request", "Response"] as const).map((name) => [
    name,
    Object.getOwnPropertyDescriptor(scope, name) ?? {},
  ]) as readonly (readonly [string, PropertyDescriptor])[];
  try {
    const listen = getRequestListener(
      (request, { incoming, outgoing }) => {
        // It is never asked to speak HTTP/2.
        return fetch(request, envOf(incoming as IncomingMessage, outgoing as ServerResponse));
      },
      // For HTTP/1.0, which need not name its host; who must is looked at below.
      { hostname: "localhost", errorHandler: (error) => refusal(error, newId()) },
    );
    return { listen, Response: scope.Response };
  } finally {
    for (const [name, descriptor] of before) Object.defineProperty(scope, name, descriptor);
  }
}

/** @throws HoldfastError for what node:http leaves to its user: `malformed-request`, `expectation-failed` */
function envOf(incoming: IncomingMessage, outgoing: ServerResponse): HttpEnv {
  const { headers } = incoming;
  const body = incomingBody(incoming, outgoing);
  const env: HttpEnv = {
    target: incoming.url ?? "/",
    body,
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
  };
  // Source: RFC 9112, section 3.2; RFC 9110, section 10.1.1: what HTTP/1.0 expects is not heard.
  if (incoming.httpVersion === "1.0") return env;
  if (headers.host === undefined) throw new HoldfastError("malformed-request", "The Host header is missing.");
  const { expect } = headers;
  if (expect === undefined) return env;
  // A client that was refused need not send its body, and then nobody knows where its next request begins.
  const { shouldKeepAlive } = outgoing;
  outgoing.shouldKeepAlive = false;
  if (expect.toLowerCase() !== "100-continue") {
    throw new HoldfastError("expectation-failed", `Expect is "${shown(expect)}"; only 100-continue is understood.`);
  }
  return {
    ...env,
    body(take) {
      // Who authorises for too long finds the request answered.
      if (!outgoing.headersSent) {
        outgoing.shouldKeepAlive = shouldKeepAlive;
        outgoing.writeContinue();
      }
      return body(take);
    },
  };
}

/** `fetch` itself never rejects: besides our own, a host name or target of which no Request can be made. */
function refusal(error: unknown, correlation: string): Response {
  const known = isHoldfastError(error)
    ? error
    : new HoldfastError("malformed-request", "The request line or the Host header is not valid.");
  const { status, headers, body } = errorAnswer(known, correlation);
  return new Response(body, { status, headers: { ...headers, "X-Correlation-Id": correlation, ...securityHeaders } });
}

/**
 * The body from the socket, without web streams in between. An aborted request emits no error where nobody listens for
 * one, but it closes; listeners that cannot be called any more are left where they are. Once it is answered it tells nobody
 * that it closes (resOnFinish of node:http): what has not come by then does not come.
 */
function incomingBody(incoming: IncomingMessage, outgoing: ServerResponse): BodySource {
  return (take) =>
    new Promise((resolve, reject) => {
      const closed = (): void => {
        if (incoming.readableEnded) resolve();
        else reject(new Error("The connection was closed before the end of the body."));
      };
      if (incoming.destroyed) return closed();
      const onData = (chunk: Uint8Array): void => {
        try {
          take(chunk);
        } catch (error) {
          // The rest is not wanted; the server drains or cuts it once the answer is sent.
          incoming.off("data", onData).pause();
          reject(error);
        }
      };
      incoming.on("data", onData).on("end", resolve).on("close", closed);
      outgoing.on("close", closed);
    });
}
