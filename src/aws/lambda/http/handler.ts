import wrap, { type MiddlewareObj } from "@middy/core";
import type { Context as LambdaContext } from "aws-lambda";
import { HoldfastError } from "../../../core/errors.ts";
import type { Context } from "../../../core/runtime/requests.ts";
import { createHttp, type Http } from "../../../http/create-http.ts";
import { within } from "../../../http/deadline.ts";
import { publicError } from "../../../http/status.ts";
import { begin, type Container, type Instance } from "../container.ts";
import { holdfastContext, holdfastCorrelation, holdfastDeadline, holdfastFlush } from "../middlewares.ts";
import { readsEventAlone, type LambdaAuthenticate } from "../principals.ts";
import { answerOf, problemAnswer } from "./answer.ts";
import { checkHttpEvent, type HttpAnswer, type HttpEvent } from "./event.ts";
import { checkedHttpOptions, type HttpHandlerOptions } from "./options.ts";
import { requestOf, type ReadRequest } from "./request.ts";

export type HttpHandler = (event: HttpEvent, context: LambdaContext) => Promise<HttpAnswer>;

/** What stays for the answer, and for sending telemetry, milliseconds. */
const marginMs = 500;

/** Past its deadline a request gets this long to tell by itself what became of it, milliseconds. */
const graceMs = 150;

/**
 * The HTTP interface of the app as the handler of a function behind an HTTP API or a Function URL. Answers every event
 * of its kind with the contract's answers; a command is not stored past the remaining time, less half a second. Event
 * streams are bounded answers.
 * @throws HoldfastError `invalid-options`, also where entities are open to everybody and nobody said so
 */
export function createHttpHandler(container: Container, options: HttpHandlerOptions = {}): HttpHandler {
  const { app, system } = container;
  const { authenticate, basePath, path } = options;
  const httpOptions = checkedHttpOptions(app, options);
  const events = new WeakMap<Request, { readonly event: HttpEvent; readonly whole: ReadRequest["whole"] }>();
  const interfaces = new WeakMap<Instance, Http>();

  /** Whom every Request that is answered here came from. */
  function authenticated(request: Request): ReturnType<LambdaAuthenticate> {
    const known = events.get(request);
    // Never taken for nobody in particular.
    if (!known) throw new HoldfastError("internal", "A request has lost its event on the way.");
    if (authenticate === undefined) return undefined;
    return readsEventAlone(authenticate)
      ? authenticate(known.event, request)
      : authenticate(known.event, known.whole());
  }

  function httpOf(instance: Instance): Http {
    const known = interfaces.get(instance);
    if (known) return known;
    const http = createHttp(instance.runtime, {
      ...httpOptions,
      ...(authenticate && { authenticate: authenticated }),
    });
    interfaces.set(instance, http);
    return http;
  }

  async function handle(
    event: HttpEvent,
    { holdfast, deadline }: LambdaContext & { readonly holdfast: Instance; readonly deadline: number },
  ): Promise<HttpAnswer> {
    const { request, env, whole } = requestOf(event, { basePath, path });
    events.set(request, { event, whole });
    const answered = httpOf(holdfast).fetch(request, { ...env, deadline });
    const response = await within(system, deadline + graceMs - system.now(), answered, () => late(request.method));
    return answerOf(response);
  }

  /** Errors become answers here, so that the function fails for nothing that a caller can be told. */
  const problems: MiddlewareObj<HttpEvent, HttpAnswer, Error, LambdaContext & { correlation?: Context }> = {
    before: ({ event }) => checkHttpEvent(event),
    onError: (request) => {
      const { error, context } = request;
      const correlation = context.correlation?.correlation ?? system.newId();
      if (publicError(error).unexpected) system.log.error({ correlation, error }, "the request failed unexpectedly");
      request.response = problemAnswer(error, correlation, httpOptions.challenge);
    },
  };

  begin(container.instance);
  // Named while the container starts, not when the first request comes.
  if (authenticate && !readsEventAlone(authenticate)) begin(async () => Request);
  const handler = wrap<HttpEvent, HttpAnswer, Error, LambdaContext & { holdfast: Instance; deadline: number }>({
    timeoutEarlyInMillis: 0,
  })
    .use(holdfastCorrelation())
    .use(problems)
    .use(holdfastContext(container))
    .use(holdfastDeadline(container, { marginMs }))
    .use(holdfastFlush(container))
    .handler(handle);
  // What the context lacks here the middlewares add.
  return (event, context) => handler(event, context as Parameters<typeof handler>[1]);
}

/** What runs on after this answer is frozen with the container. */
function late(method: string): HoldfastError {
  const isRead = method === "GET" || method === "HEAD";
  const [code, message] = isRead
    ? ["deadline-exceeded", "The read took too long."]
    : [
        "outcome-unknown",
        "It took too long; it is not known whether it was stored. Retry with the same idempotency key.",
      ];
  return new HoldfastError(code, message, { retry: "later", retryAfterMs: 1_000 });
}
