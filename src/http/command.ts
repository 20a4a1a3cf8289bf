import type { CommandDefinition } from "../core/entity/definition.ts";
import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import { outcomeAnswer, type Answer } from "./answer.ts";
import { readBody, releaseBody, streamBody, type Body } from "./body.ts";
import { refuseCrossSite } from "./cross-site.ts";
import { onBehalf, type EntityExchange, type HttpContext } from "./exchange.ts";
import { graceMs, within } from "./deadline.ts";
import { contextOf, parseIfMatch, parseKeyHeader, parseTimeout } from "./headers.ts";

/**
 * `POST /api/{entity}/{id}/{command}`. The runtime authorises, then calls back for the body; what is wrong with the
 * headers is told after that, so that nobody learns more than he may.
 */
export function runCommand(http: HttpContext, exchange: EntityExchange, command: CommandDefinition): Promise<Answer> {
  refuseCrossSite(http, exchange);
  const now = http.runtime.system.now();
  return onBehalf(http, exchange, (principal) => runAs(http, exchange, command, principal, now));
}

async function runAs(
  http: HttpContext,
  exchange: EntityExchange,
  command: CommandDefinition,
  principal: Principal,
  now: number,
): Promise<Answer> {
  const { runtime, settings, bodies } = http;
  const { requestTimeoutMs } = settings;
  const { request, env, header, definition, id, correlation } = exchange;
  const [key, keyError] = attempt(header("idempotency-key"), parseKeyHeader);
  const [expectedVersion, matchError] = attempt(header("if-match"), parseIfMatch);
  const [timeoutMs = requestTimeoutMs, timeoutError] = attempt(header("x-request-timeout-ms"), parseTimeout);
  const isHurried = timeoutMs < requestTimeoutMs;
  const deadline = Math.min(env.deadline ?? Infinity, now + Math.min(timeoutMs, requestTimeoutMs));
  const body: Body = { held: 0, complete: false, released: false };
  const readInput = async (): Promise<unknown> => {
    const input = await readBody(body, {
      source: env.body ?? streamBody(request),
      header,
      bytesMax: settings.bodyBytesMax,
      budget: bodies,
      needed: command.input !== undefined,
    });
    if (keyError) throw keyError;
    if (matchError) throw matchError;
    if (timeoutError) throw timeoutError;
    if (header("if-none-match") !== undefined) throw noneMatchError();
    return input;
  };
  try {
    const work = runtime.execute({
      entity: definition.name,
      id,
      command: command.name,
      readInput,
      ...(key !== undefined && { key }),
      ...(expectedVersion !== undefined && { expectedVersion }),
      principal,
      deadline,
      context: contextOf(exchange),
    });
    // One timer for all requests that wait as long as any.
    const outcome = await (isHurried
      ? within(runtime.system, timeoutMs + graceMs, work, () => late(body))
      : http.deadlines.bound(work, () => late(body)));
    return outcomeAnswer(outcome, correlation);
  } finally {
    releaseBody(body, bodies);
  }
}

const nothing = [undefined, undefined] as const;

/** A parsed header, or what is wrong with it, to be told when it is its turn. */
function attempt<T>(
  text: string | undefined,
  parse: (text: string) => T,
): readonly [value: T | undefined, error: unknown] {
  if (text === undefined) return nothing;
  try {
    return [parse(text), undefined];
  } catch (error) {
    return [undefined, error];
  }
}

function late(body: Body): HoldfastError {
  if (!body.complete) {
    return new HoldfastError("request-timeout", "The body did not arrive in time.", { retry: "later" });
  }
  return new HoldfastError(
    "outcome-unknown",
    "The command took too long; it is not known whether it was stored. Retry with the same idempotency key.",
    { retry: "later", retryAfterMs: 1_000 },
  );
}

/** To ignore a condition would be to run what should not run. */
function noneMatchError(): HoldfastError {
  return new HoldfastError(
    "invalid-if-match",
    'If-None-Match is for reading; for "only if absent" send If-Match: "0".',
  );
}
