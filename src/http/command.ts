import type { CommandDefinition } from "../core/entity/definition.ts";
import { HoldfastError } from "../core/errors.ts";
import type { Outcome } from "../core/runtime/requests.ts";
import { outcomeAnswer, type Answer } from "./answer.ts";
import { createBody, streamBody, type Body } from "./body.ts";
import { principalOf, type EntityExchange, type HttpContext } from "./exchange.ts";
import { contextOf, parseIfMatch, parseKeyHeader } from "./headers.ts";

/**
 * `POST /api/{entity}/{id}/{command}`. The runtime authorises, then calls back for the body; what is wrong with the
 * headers is told after that, so that nobody learns more than he may.
 */
export async function runCommand(
  http: HttpContext,
  exchange: EntityExchange,
  command: CommandDefinition,
): Promise<Answer> {
  const { runtime, settings } = http;
  const { request, definition, id, correlation } = exchange;
  const { headers } = request;
  const deadline = runtime.system.now() + settings.requestTimeoutMs;
  const principal = await principalOf(http, exchange);
  const body = createBody(exchange.env.body ?? streamBody(request), headers, {
    bytesMax: settings.bodyBytesMax,
    budget: http.bodies,
  });
  const [key, keyError] = attempt(headers.get("idempotency-key"), parseKeyHeader);
  const [expectedVersion, matchError] = attempt(headers.get("if-match"), parseIfMatch);
  const readInput = async (): Promise<unknown> => {
    const input = await body.read(command.input !== undefined);
    if (keyError) throw keyError;
    if (matchError) throw matchError;
    if (headers.has("if-none-match")) throw noneMatchError();
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
      context: contextOf(headers, correlation),
    });
    const outcome: Outcome = await http.deadlines.bound(work, () => late(body));
    return outcomeAnswer(outcome, correlation);
  } finally {
    body.release();
  }
}

/** A parsed header, or what is wrong with it, to be told when it is its turn. */
function attempt<T>(text: string | null, parse: (text: string) => T): [value: T | undefined, error: unknown] {
  if (text === null) return [undefined, undefined];
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
