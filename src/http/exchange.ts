import type { EntityDefinition } from "../core/entity/definition.ts";
import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { BodyBudget, BodySource } from "./body.ts";
import type { Deadlines } from "./deadline.ts";
import type { Cors } from "./cors.ts";
import type { EventStreams } from "./event-stream.ts";
import type { Fairness } from "./fairness.ts";
import type { HttpSettings } from "./options.ts";

/** What a host knows of a request and the Request cannot say. All optional. */
export interface HttpEnv {
  /** The request target as it was sent. Without it the path of the Request, which URL parsing has normalised already. */
  readonly target?: string;
  /** Reads the body. Default: the Request's stream. */
  readonly body?: BodySource;
  /** A header's value by its name in lower case, faster than by the Request. */
  readonly header?: Header;
  /** When the host ends the request, epoch milliseconds: a command is not stored later. */
  readonly deadline?: number;
}

/** A header's value by its name in lower case. */
export type Header = (name: string) => string | undefined;

/** What all requests share. */
export interface HttpContext {
  readonly runtime: Runtime;
  readonly settings: HttpSettings;
  readonly bodies: BodyBudget;
  readonly streams: EventStreams;
  readonly fairness: Fairness;
  readonly cors: Cors | undefined;
  /** `requestTimeoutMs`, and a moment for what ends by itself just then. */
  readonly deadlines: Deadlines;
}

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: Request;
  readonly env: HttpEnv;
  readonly header: Header;
  /** The caller's correlation id, or a new one. */
  readonly correlation: string;
  /** W3C traceparent: of the span that observes the request, else the caller's. */
  readonly trace: string | undefined;
  /** For the log: what was asked, as far as it is known. */
  readonly about: { route: string; entity?: string; id?: string; command?: string };
}

/** A request to an entity, after its path was read. */
export interface EntityExchange extends Exchange {
  readonly definition: EntityDefinition;
  readonly id: string;
}

export const anonymousPrincipal: Principal = {
  kind: "anonymous",
  id: "anonymous",
  tenant: "default",
  claims: {},
};

/** The request target, as near to what was sent as is known. */
export function targetOf({ request, env }: Pick<Exchange, "request" | "env">): string {
  return env.target ?? request.url;
}

/**
 * Does the work on behalf of whoever sends the request: the host's word, never the path's or the body's. From here on
 * the caller's share of the instance is counted, until the work is done.
 * @throws HoldfastError `rate-limited`, `deadline-exceeded`; whatever `authenticate` throws
 */
export async function onBehalf<T>(
  { settings, fairness, deadlines }: HttpContext,
  { request }: Exchange,
  work: (principal: Principal) => Promise<T>,
): Promise<T> {
  const asked = settings.authenticate?.(request);
  // Not every promise is one of this realm's: what waits unseen would itself be taken for the principal.
  const said = isThenable(asked) ? await deadlines.bound(Promise.resolve(asked), late) : asked;
  const principal = said == null ? anonymousPrincipal : wholePrincipal(said);
  const leave = fairness.enter(principal);
  try {
    return await work(principal);
  } finally {
    leave();
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

const kinds: ReadonlySet<unknown> = new Set<Principal["kind"]>(["anonymous", "user", "system"]);

/** Types do not outlive a claim that is missing: without this it would be the tenant "undefined", of all who lack one. */
function wholePrincipal(said: Principal): Principal {
  const { kind, id, tenant, claims } = said;
  const isWhole = kinds.has(kind) && typeof id === "string" && typeof tenant === "string";
  if (isWhole && typeof claims === "object" && claims !== null) return said;
  throw new HoldfastError(
    "internal",
    "authenticate must return a principal ({ kind, id, tenant, claims }, id and tenant texts) or undefined.",
  );
}

function late(): HoldfastError {
  const message = "It took too long to find out who sends the request; nothing was done.";
  return new HoldfastError("deadline-exceeded", message, { retry: "later", retryAfterMs: 1_000 });
}
