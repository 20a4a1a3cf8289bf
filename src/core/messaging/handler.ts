import { hash } from "node:crypto";
import { HoldfastError, isHoldfastError } from "../errors.ts";
import type { Context } from "../runtime/requests.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Logger } from "../runtime/system.ts";
import { observed, traceField } from "../runtime/telemetry.ts";
import { createEffects } from "./effects.ts";
import type { HandlerContext } from "./types.ts";

/** What has led to a handler's run: an event, a queue's message, a tick. */
export interface Cause {
  /** The same at every delivery. */
  readonly id: string;
  /** When it happened, epoch milliseconds, if that is the same at every delivery. */
  readonly born: number | undefined;
  readonly tenant: string;
  readonly context: Context;
}

/** What log lines say of a message, as soon as it is known. Never what is in it, nor the keys of its calls. */
export interface About {
  message?: string;
  correlation?: string;
  trace_id?: string;
}

/** One run of a handler. */
export interface Attempt {
  /** Who handles, e.g. `subscription:fulfilment`; part of the keys. */
  readonly handler: string;
  readonly cause: Cause;
  /** From 1. */
  readonly attempt: number;
  readonly timeoutMs: number;
  /** Aborts the run from outside. */
  readonly stop: AbortSignal;
  /** For log lines about the message: what the run knows of it. */
  readonly about?: About;
  /** Makes the keys new: for a replay that is to have its effects again. */
  readonly again?: string | undefined;
}

/**
 * Runs a handler once. Resolves when it has returned and all its calls have been answered.
 * @throws the first of its calls' errors that says `retry: "later"`, also if the handler has swallowed or wrapped it: such
 * an outcome is open, and only a retry settles it; else what the handler threw, `handler-timed-out`, or the error of a
 * call that the handler never looked at
 */
export function runHandler<Services>(
  runtime: Runtime,
  services: Services,
  attempt: Attempt,
  handle: (context: HandlerContext<Services>, below: Context) => unknown,
): Promise<void> {
  const { handler, cause } = attempt;
  const { tenant, context } = cause;
  // The cause's own id may be made of an input.
  const id = context.causation ?? cause.id;
  const message = { consumer: handler, id, attempt: attempt.attempt, tenant, context };
  return observed(runtime.system.telemetry, message, (context) =>
    runOnce(runtime, services, attempt, context, aboutOf(id, context, attempt.about), handle),
  );
}

/** Notes it where the consumer, whose lines come later, can see it. */
export function aboutOf(message: string, { correlation, trace }: Context, about: About = {}): About {
  return Object.assign(about, { message }, correlation !== undefined && { correlation }, traceField(trace));
}

async function runOnce<Services>(
  runtime: Runtime,
  services: Services,
  attempt: Attempt,
  below: Context,
  about: About,
  handle: (context: HandlerContext<Services>, below: Context) => unknown,
): Promise<void> {
  const { system } = runtime;
  const { handler, cause, timeoutMs, stop } = attempt;
  // Most handlers ask neither for the signal nor for the log.
  let abort: AbortController | undefined;
  let log: Logger | undefined;
  let finished = false;
  const deadline = system.now() + timeoutMs;
  const effects = createEffects(runtime, {
    name: handler,
    tenant: cause.tenant,
    context: below,
    deadline,
    stop,
    keyOf: (target, n) => derivedKey(cause, [handler, target, String(n), attempt.again ?? ""]),
  });

  const timedOut = (retry: "later" | "reload", cause?: unknown): HoldfastError =>
    new HoldfastError("handler-timed-out", `${handler} took longer than ${timeoutMs} ms.`, { retry, cause });

  const context: HandlerContext<Services> = {
    call: effects.call,
    reach: effects.reach,
    services,
    attempt: attempt.attempt,
    now: system.now(),
    get signal() {
      abort ??= new AbortController();
      if (finished) abort.abort();
      return abort.signal;
    },
    get log() {
      log ??= withIds(system.log, { handler, ...about });
      return log;
    },
  };
  await new Promise<void>((resolve, reject) => {
    const cancel = system.after(timeoutMs, () => {
      // Where it still waits for the store, that is what is late.
      reject(timedOut(effects.open > 0 || effects.unsettled ? "later" : "reload"));
    });
    const onStop = (): void => {
      const message = `${handler} was stopped; the message is delivered again.`;
      reject(new HoldfastError("handler-stopped", message, { retry: "later" }));
    };
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
    const run = async (): Promise<void> => {
      try {
        await handle(context, below);
        await effects.settled();
      } catch (error) {
        // It has used up the handler's time, which is the handler's failure.
        const isOurs = isHoldfastError(error, "deadline-exceeded") && system.now() >= deadline - 5;
        throw effects.unsettled ?? (isOurs ? timedOut("reload", error) : error);
      }
      if (effects.unsettled) throw effects.unsettled;
    };
    void run()
      .then(resolve, reject)
      .finally(() => {
        cancel();
        stop.removeEventListener("abort", onStop);
      });
  }).finally(() => {
    finished = true;
    effects.finish();
    abort?.abort();
  });
}

/**
 * A key that is the same whenever the same cause leads to the same call, in our own form where the cause has a time:
 * so old that its effects may be forgotten, it is refused instead of run again.
 */
export function derivedKey({ id, born }: Pick<Cause, "id" | "born">, parts: readonly string[]): string {
  const digest = hash("sha256", [id, ...parts].join("\0"), "base64url").slice(0, 32);
  return born === undefined ? `hd1.${digest}` : `hf1.${born}.${digest}`;
}

function withIds(log: Logger, ids: object): Logger {
  return {
    debug: (fields, message) => log.debug({ ...ids, ...fields }, message),
    info: (fields, message) => log.info({ ...ids, ...fields }, message),
    warn: (fields, message) => log.warn({ ...ids, ...fields }, message),
    error: (fields, message) => log.error({ ...ids, ...fields }, message),
  };
}
