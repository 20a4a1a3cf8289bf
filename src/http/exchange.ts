import type { EntityDefinition } from "../core/entity/definition.ts";
import type { Principal } from "../core/entity/types.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { BodyBudget, BodySource } from "./body.ts";
import type { Deadlines } from "./deadline.ts";
import type { EventStreams } from "./event-stream.ts";
import type { HttpSettings } from "./options.ts";

/** What a host knows of a request and the Request cannot say. All optional. */
export interface HttpEnv {
  /** The request target as it was sent. Without it the path of the Request, which URL parsing has normalised already. */
  readonly target?: string;
  /** Reads the body. Default: the Request's stream. */
  readonly body?: BodySource;
  /** A header's value by its name in lower case, faster than by the Request. */
  readonly header?: Header;
}

/** A header's value by its name in lower case. */
export type Header = (name: string) => string | undefined;

/** What all requests share. */
export interface HttpContext {
  readonly runtime: Runtime;
  readonly settings: HttpSettings;
  readonly bodies: BodyBudget;
  readonly streams: EventStreams;
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

/** On whose behalf the request is. The host's word, never the path's or the body's. */
export async function principalOf({ settings }: HttpContext, { request }: Exchange): Promise<Principal> {
  return (await settings.authenticate?.(request)) ?? anonymousPrincipal;
}
