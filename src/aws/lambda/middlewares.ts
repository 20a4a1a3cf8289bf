import type { Context as LambdaContext } from "aws-lambda";
import { HoldfastError } from "../../core/errors.ts";
import type { Context } from "../../core/runtime/requests.ts";
import { readCorrelation, readTrace } from "../../core/runtime/telemetry.ts";
import { within } from "../../http/deadline.ts";
import type { Container, Instance } from "./container.ts";

/** What a middleware is called with, of what middy has. */
interface Invocation<Adds extends object> {
  readonly event: unknown;
  readonly context: LambdaContext & Adds;
  readonly error: Error | null;
}

/**
 * A middleware for middy 7, in words of our own: its types need a package that it does not bring.
 * Source: https://middy.js.org/docs/writing-middlewares/intro
 */
export interface Middleware<Adds extends object = object> {
  readonly before?: (invocation: Invocation<Adds>) => void | Promise<void>;
  readonly after?: (invocation: Invocation<Adds>) => void | Promise<void>;
  readonly onError?: (invocation: Invocation<Adds>) => void | Promise<void>;
}

/** What is left of an invocation that has waited in vain for the app to start, milliseconds. */
const startMarginMs = 300;

/**
 * Puts the running app at `context.holdfast`: one per container, made anew after it has failed. The invocation is refused
 * with `deadline-exceeded`, to be tried again, where it does not start in time.
 */
export function holdfastContext(container: Container): Middleware<{ holdfast: Instance }> {
  return {
    before: async ({ context }) => {
      const ms = Math.max(0, context.getRemainingTimeInMillis() - startMarginMs);
      const late = (): HoldfastError => tooLate(`The app has not started within ${ms} ms.`);
      context.holdfast = await within(container.system, ms, container.instance(), late);
    },
  };
}

/**
 * Puts the ids of the cause at `context.correlation`, for `runtime.execute({ context })`: those of the request's headers
 * `x-correlation-id` and `traceparent`, else the id of the invocation.
 */
export function holdfastCorrelation(): Middleware<{ correlation: Context }> {
  return {
    before: ({ event, context }) => {
      const header = headerOf(event);
      const trace = readTrace(header("traceparent"));
      const correlation = readCorrelation(header("x-correlation-id")) ?? context.awsRequestId;
      context.correlation = { correlation, ...(trace !== undefined && { trace }) };
    },
  };
}

/**
 * Puts at `context.deadline` until when work may go on, epoch milliseconds: `marginMs` (default 1,000) before Lambda ends
 * the invocation. Refuses the invocation with `deadline-exceeded`, to be tried again, where nothing can be begun any more.
 */
export function holdfastDeadline(
  { system }: Pick<Container, "system">,
  { marginMs = 1_000 }: { readonly marginMs?: number } = {},
): Middleware<{ deadline: number }> {
  return {
    before: ({ context }) => {
      const left = context.getRemainingTimeInMillis() - marginMs;
      if (left <= 0) {
        throw tooLate(`Lambda ends this invocation in ${left + marginMs} ms, too soon to begin anything.`);
      }
      context.deadline = system.now() + left;
    },
  };
}

function tooLate(message: string): HoldfastError {
  return new HoldfastError("deadline-exceeded", message, { retry: "later", retryAfterMs: 1_000 });
}

/** How long before the end of the invocation the last flush is over, and how long it takes at most, milliseconds. */
const flushMarginMs = 100;
const flushMaxMs = 2_000;

/** Sends spans and measurements before the answer: behind it Lambda freezes the container. A failure is logged. */
export function holdfastFlush({ system }: Pick<Container, "system">): Middleware {
  async function flush({ context }: { readonly context: LambdaContext }): Promise<void> {
    const { telemetry, log } = system;
    const ms = Math.min(flushMaxMs, context.getRemainingTimeInMillis() - flushMarginMs);
    if (!telemetry || ms <= 0) return;
    try {
      await within(system, ms, telemetry.flush(), () => new Error(`it took longer than ${ms} ms`));
    } catch (error) {
      log.warn({ error }, "telemetry was not sent");
    }
  }
  return { after: flush, onError: flush };
}

/** One line per invocation: `debug`, or `error` where it fails. */
export function holdfastLog({ system }: Pick<Container, "system">): Middleware {
  // Of each invocation: a container may have several at once.
  const began = new WeakMap<LambdaContext, number>();
  const about = ({ context }: { readonly context: LambdaContext }): object => ({
    request: context.awsRequestId,
    ms: system.now() - (began.get(context) ?? system.now()),
  });
  return {
    before: ({ context }) => void began.set(context, system.now()),
    after: (request) => system.log.debug(about(request), "invocation"),
    onError: (request) => system.log.error({ ...about(request), error: request.error }, "the invocation failed"),
  };
}

/** The headers of an event that is an HTTP request; names as they come, in any case. */
function headerOf(event: unknown): (name: string) => string | undefined {
  const headers: unknown = typeof event === "object" && event !== null && "headers" in event ? event.headers : {};
  const lower = new Map(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  return (name) => {
    const value = lower.get(name);
    return typeof value === "string" ? value : undefined;
  };
}
