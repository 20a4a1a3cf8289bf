import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { BodySource } from "../../http/body.ts";
import { problem } from "../../http/answer.ts";
import type { HttpEnv } from "../../http/exchange.ts";

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
    const listen = getRequestListener((request, { incoming }) => fetch(request, envOf(incoming as IncomingMessage)), {
      errorHandler: () => malformedRequest(newId()),
    });
    return { listen, Response: scope.Response };
  } finally {
    for (const [name, descriptor] of before) Object.defineProperty(scope, name, descriptor);
  }
}

function envOf(incoming: IncomingMessage): HttpEnv {
  const { headers } = incoming;
  return {
    target: incoming.url ?? "/",
    body: incomingBody(incoming),
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
  };
}

/** A request of which no Request can be made: a broken host name or target. `fetch` itself never rejects. */
function malformedRequest(correlation: string): Response {
  const detail = "The request line or the Host header is not valid.";
  const { status, headers, body } = problem({ status: 400, code: "malformed-request", detail }, correlation);
  return new Response(body, { status, headers: { ...headers, "X-Correlation-Id": correlation } });
}

/**
 * The body from the socket, without web streams in between. An aborted request emits no error where nobody listens for
 * one, but it closes; listeners that cannot be called any more are left where they are.
 */
function incomingBody(incoming: IncomingMessage): BodySource {
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
    });
}
