import { Hono, type Context } from "hono";
import type { Runtime } from "../core/runtime/runtime.ts";
import { errorAnswer, json, type Answer } from "./answer.ts";
import { answerApi, nothingHere } from "./api.ts";
import { createCors } from "./cors.ts";
import { createDeadlines, graceMs } from "./deadline.ts";
import { createEventStreams } from "./event-stream.ts";
import { targetOf, type Exchange, type HttpContext, type HttpEnv } from "./exchange.ts";
import { createFairness } from "./fairness.ts";
import { traceField } from "../core/runtime/telemetry.ts";
import { correlationOf, traceOf } from "./headers.ts";
import { healthy, ready } from "./health.ts";
import { readMethods, refuseMethod } from "./methods.ts";
import { httpSettings, type HttpOptions } from "./options.ts";
import { rawPath } from "./path.ts";
import { createRefusals } from "./refusals.ts";
import { securityHeaders } from "./security-headers.ts";
import { publicError } from "./status.ts";

/** Holdfast over HTTP, for every host that can make a Request and send a Response. */
export interface Http {
  /** Answers a request; never rejects. */
  fetch(request: Request, env?: HttpEnv): Promise<Response>;
  /** Ends the event streams and lets `/readyz` say no. Commands go on: closing the runtime refuses those. */
  close(): void;
}

const apiRoute = "/api/*";

/** The route with the names that the app has declared: `/api/cart/{id}/addItem`. */
function named({ route, entity, command }: Exchange["about"]): string {
  return route.replace("{entity}", entity ?? "{entity}").replace("{command}", command ?? "{command}");
}

type Handler = (exchange: Exchange, path: string) => Answer | Promise<Answer>;
type Route = (c: Context<{ Bindings: HttpEnv }>) => Promise<Response>;

/**
 * The HTTP contract of design.md section 6 over a runtime: commands, views, events, health, OpenAPI. Errors are
 * `application/problem+json` with a stable `code` (docs/errors.md); every answer carries `x-correlation-id` and the
 * {@link securityHeaders}. No CORS but for the origins that `cors` lists.
 * @throws HoldfastError `invalid-options`
 */
export function createHttp(runtime: Runtime, options: HttpOptions = {}): Http {
  const settings = httpSettings(options);
  const { system } = runtime;
  const fairness = createFairness(system, settings);
  const refusals = createRefusals(system);
  const cors = settings.cors && createCors(settings.cors);
  const http: HttpContext = {
    runtime,
    settings,
    bodies: { bytesMax: settings.bodiesBytesMax, bytes: 0 },
    streams: createEventStreams(runtime, settings, fairness),
    fairness,
    cors,
    deadlines: createDeadlines(system, settings.requestTimeoutMs + graceMs),
  };
  let closing = false;
  let document: Promise<Answer> | undefined;

  /** Loaded where somebody asks for it, which few instances see. */
  async function openApi(): Promise<Answer> {
    const { createOpenApi } = await import("./openapi.ts");
    return json(createOpenApi(runtime.app, settings.info, system.log));
  }

  /** Runs a handler, turns whatever comes of it into the response, and writes the request's one line. */
  function answered(route: string, handler: Handler): Route {
    return async ({ req, env }) => {
      const from = system.now();
      const request = req.raw;
      const { method } = request;
      const header = env.header ?? ((name) => request.headers.get(name) ?? undefined);
      const correlation = correlationOf(header) ?? system.newId();
      const about: Exchange["about"] = { route };
      const sent = traceOf(header);
      // Who asks whether it is up is no part of what an app does.
      const span = route === apiRoute ? system.telemetry?.request({ method, route, trace: sent }) : undefined;
      const trace = span?.trace ?? sent;
      const exchange = { request, env, header, correlation, trace, about };
      let answer: Answer;
      try {
        const preflight = cors?.preflight(method, header);
        const answering = (): Answer | Promise<Answer> => preflight ?? handler(exchange, req.path);
        answer = await (span ? span.within(answering) : answering());
      } catch (error) {
        answer = errorAnswer(error, correlation, settings.challenge);
        if (publicError(error).unexpected) {
          const fields = { correlation, ...traceField(trace), method, ...about, error };
          system.log.error(fields, "the request failed unexpectedly");
        }
      }
      const { status, code } = answer;
      if (status === 429 || status === 503) await refusals.turn();
      const ids = { correlation, ...traceField(trace) };
      const line = { ...ids, method, ...about, status, ...(code && { code }), ms: system.now() - from };
      // A line for each refusal would make an overload worse.
      const isBusy = code === "overloaded";
      if (isBusy) refusals.count();
      system.log[status < 500 || isBusy ? "debug" : "info"](line, "request");
      span?.end({ route: named(about), status, code });
      return new settings.Response(answer.body, {
        status,
        headers: {
          ...answer.headers,
          ...cors?.headers(header("origin")),
          "X-Correlation-Id": correlation,
          ...securityHeaders,
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
    reading("/openapi.json", () => {
      document ??= openApi().catch((error: unknown) => {
        document = undefined;
        throw error;
      });
      return document;
    }),
  );
  app.all(
    apiRoute,
    answered(apiRoute, (exchange, path) => answerApi(http, exchange, path)),
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
