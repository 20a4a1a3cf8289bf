import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import { createCors, type CorsOptions } from "./cors.ts";
import { checkRate, type Rate } from "./rate.ts";

/** Tells who sends a request; `undefined`: nobody in particular. Throws `unauthenticated` for credentials that are bad. */
export type Authenticate = (request: Request) => Principal | undefined | Promise<Principal | undefined>;

export interface HttpOptions {
  /** Sets the principal, and with it the tenant. Asked once per request to an entity. Default: everybody is anonymous. */
  readonly authenticate?: Authenticate;
  /** Value of `WWW-Authenticate` in a 401. Default `Bearer`. */
  readonly challenge?: string;
  /** Longest body of a request, bytes. Default 1 MiB; past it 413 `payload-too-large`. */
  readonly bodyBytesMax?: number;
  /** All bodies of requests under way together, bytes. Default 64 MiB; past it 503 `overloaded`. */
  readonly bodiesBytesMax?: number;
  /** A request that has not been answered by then is refused or given up, milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** How long `/readyz` waits for the store, milliseconds. Default 2,000. */
  readonly readyTimeoutMs?: number;
  /**
   * Whether event streams stay open and push what happens. Default false: one bounded answer with `retry:`, for hosts
   * that cannot stream or are paid by the second.
   */
  readonly live?: boolean;
  /** Event streams that may be open at once. Default 1,000; past it 503 `overloaded`. */
  readonly streamsMax?: number;
  /** Between two looks of a live stream for events that other processes stored, milliseconds. Default 1,000. */
  readonly streamPollMs?: number;
  /** A silent live stream sends a comment after this time, milliseconds. Default 15,000. */
  readonly streamHeartbeatMs?: number;
  /** A live stream ends after this time, and the client resumes with fresh credentials, milliseconds. Default 15 min. */
  readonly streamMs?: number;
  /** After how long a client comes back when a stream has ended (`retry:`), milliseconds. Default 2,000. */
  readonly streamRetryMs?: number;
  /** Pages of other origins that may use the API. Default: none. */
  readonly cors?: CorsOptions;
  /**
   * Requests of one authenticated caller (tenant and id), past which it is 429 `rate-limited`; event streams count when
   * they begin. Default `{ perSecond: 1_000, burst: 2_000 }`; `false`: any number.
   */
  readonly rate?: Rate | false;
  /** The same for all anonymous callers of a tenant together: they have no names. Default `false`. */
  readonly anonymousRate?: Rate | false;
  /** Callers whose rates are remembered; who came longest ago is forgotten. Default 10,000. */
  readonly ratesMax?: number;
  /** Requests of one authenticated caller under way at once. Default 256; past it 429 `rate-limited`. */
  readonly requestsPerPrincipalMax?: number;
  /** Requests of one tenant under way at once; past it 429 `rate-limited`. Default: any number, as most apps have one. */
  readonly requestsPerTenantMax?: number;
  /** Event streams of one authenticated caller. Default 100; past it 429 `rate-limited`. */
  readonly streamsPerPrincipalMax?: number;
  /** Event streams of one tenant; past it 429 `rate-limited`. Default: any number, as most apps have one. */
  readonly streamsPerTenantMax?: number;
  /** `info` of the OpenAPI document. */
  readonly info?: { readonly title?: string; readonly version?: string };
  /** The class that answers are made of; a host may hand in one that it can send faster. Default: the global one. */
  readonly Response?: typeof Response;
}

/** The options with their defaults. */
export type HttpSettings = Required<Omit<HttpOptions, Unset>> & Pick<HttpOptions, Unset>;
type Unset = "authenticate" | "info" | "cors";

const defaults: Omit<HttpSettings, "Response" | Unset> = {
  challenge: "Bearer",
  bodyBytesMax: 1024 * 1024,
  bodiesBytesMax: 64 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  readyTimeoutMs: 2_000,
  live: false,
  streamsMax: 1_000,
  streamPollMs: 1_000,
  streamHeartbeatMs: 15_000,
  streamMs: 15 * 60_000,
  streamRetryMs: 2_000,
  rate: { perSecond: 1_000, burst: 2_000 },
  anonymousRate: false,
  ratesMax: 10_000,
  requestsPerPrincipalMax: 256,
  requestsPerTenantMax: Number.MAX_SAFE_INTEGER,
  streamsPerPrincipalMax: 100,
  streamsPerTenantMax: Number.MAX_SAFE_INTEGER,
};

/** The options with their defaults. @throws HoldfastError `invalid-options` for unknown names and bad numbers */
export function httpSettings(options: HttpOptions): HttpSettings {
  const known = new Set([...Object.keys(defaults), "Response", "authenticate", "info", "cors"]);
  for (const [name, value] of Object.entries(options)) {
    if (!known.has(name)) {
      throw new HoldfastError("invalid-options", `Unknown option "${name}". Known: ${[...known].join(", ")}.`);
    }
    if (value === undefined) continue;
    const example: unknown = defaults[name as keyof typeof defaults];
    if (typeof example !== "number" || (Number.isSafeInteger(value) && (value as number) >= 1)) continue;
    throw new HoldfastError(
      "invalid-options",
      `Option "${name}" is ${String(value)}; it must be a whole number from 1.`,
    );
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  // Not even named where a host has its own: Node loads all of fetch with it.
  const settings: HttpSettings = { ...defaults, ...given, Response: options.Response ?? Response };
  checkRate("rate", settings.rate);
  checkRate("anonymousRate", settings.anonymousRate);
  if (settings.cors !== undefined) createCors(settings.cors);
  return settings;
}
