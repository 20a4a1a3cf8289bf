import { Hono, type Context } from "hono";
import type { Runtime } from "../core/runtime/runtime.ts";
import { errorAnswer, json, type Answer } from "./answer.ts";
import { answerApi, nothingHere } from "./api.ts";
import { createDeadlines } from "./deadline.ts";
import { createEventStreams } from "./event-stream.ts";
import { targetOf, type Exchange, type HttpContext, type HttpEnv } from "./exchange.ts";
import { correlationOf } from "./headers.ts";
import { healthy, ready } from "./health.ts";
import { readMethods, refuseMethod } from "./methods.ts";
import { createOpenApi } from "./openapi.ts";
import { httpSettings, type HttpOptions } from "./options.ts";
import { rawPath } from "./path.ts";
import { publicError } from "./status.ts";

/** Holdfast over HTTP, for every host that can make a Request and send a Response. */
export interface Http {
  /** Answers a request; never rejects. */
  fetch(request: Request, env?: HttpEnv): Promise<Response>;
  /** Ends the event streams and lets `/readyz` say no. Commands go on: closing the runtime refuses those. */
  close(): void;
}

/** Past its deadline a command gets this long to tell by itself what became of it, milliseconds. */
const graceMs = 100;

type Handler = (exchange: Exchange, path: string) => Answer | Promise<Answer>;
type Route = (c: Context<{ Bindings: HttpEnv }>) => Promise<Response>;

/**
 * The HTTP contract of design.md section 6 over a runtime: commands, views, events, health, OpenAPI. Errors are
 * `application/problem+json` with a stable `code` (docs/errors.md); every answer carries `x-correlation-id`; nothing may
 * be stored on the way (`no-store`: an ETag says the version, which is the same for every tenant). No CORS.
 * @throws HoldfastError `invalid-options`
 */
export function createHttp(runtime: Runtime, options: HttpOptions = {}): Http {
  const settings = httpSettings(options);
  const { system } = runtime;
  const http: HttpContext = {
    runtime,
    settings,
    bodies: { bytesMax: settings.bodiesBytesMax, bytes: 0 },
    streams: createEventStreams(runtime, settings),
    deadlines: createDeadlines(system, settings.requestTimeoutMs + graceMs),
  };
  let closing = false;
  let document: Answer | undefined;

  /** Runs a handler, turns whatever comes of it into the response, and writes the request's one line. */
  function answered(route: string, handler: Handler): Route {
    return async ({ req, env }) => {
      const from = system.now();
      const request = req.raw;
      const { method } = request;
      const header = env.header ?? ((name) => request.headers.get(name) ?? undefined);
      const correlation = correlationOf(header) ?? system.newId();
      const about: Exchange["about"] = { route };
      let answer: Answer;
      try {
        answer = await handler({ request, env, header, correlation, about }, req.path);
      } catch (error) {
        answer = errorAnswer(error, correlation, settings.challenge);
        if (publicError(error).unexpected) {
          system.log.error({ correlation, method, ...about, error }, "the request failed unexpectedly");
        }
      }
      const { status, code } = answer;
      const line = { correlation, method, ...about, status, ...(code && { code }), ms: system.now() - from };
      system.log[status < 500 ? "debug" : "info"](line, "request");
      return new settings.Response(answer.body, {
        status,
        headers: {
          ...answer.headers,
          "X-Correlation-Id": correlation,
          "Cache-Control": "no-store",
          "X-Content-Type-Options": "nosniff",
        },
      });
    };
  }

  function reading(route: string, handler: Handler): Route {
    return answered(route, (exchange) => refuseMethod(exchange, readMethods) ?? handler(exchange, ""));
  }

  const app = new Hono<{ Bindings: HttpEnv }>({
    // Hono's options do not know the bindings' type.
    getPath: (request, options) => rawPath(targetOf({ request, env: options?.env as HttpEnv })),
  });
  app.all("/healthz", reading("/healthz", healthy));
  app.all(
    "/readyz",
    reading("/readyz", () => ready(runtime, settings.readyTimeoutMs, closing)),
  );
  app.all(
    "/openapi.json",
    reading("/openapi.json", () => (document ??= json(createOpenApi(runtime.app, settings.info, system.log)))),
  );
  app.all(
    "/api/*",
    answered("/api/*", (exchange, path) => answerApi(http, exchange, path)),
  );
  app.notFound(
    answered("*", () => {
      throw nothingHere();
    }),
  );
  return {
    fetch: async (request, env = {}) => app.fetch(request, env),
    close() {
      closing = true;
      http.streams.close();
      http.deadlines.close();
    },
  };
}
