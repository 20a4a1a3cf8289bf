import { jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { checkTenant } from "../core/entity/names.ts";
import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import { dateOf } from "../core/runtime/system.ts";
import type { Authenticate } from "../http/options.ts";
import { jwtSettings, type JwtOptions, type JwtSettings } from "./options.ts";
import { createRemoteKeys, localKeys } from "./remote-keys.ts";

/** Longest token, characters: one with more is not looked at. */
const tokenCharsMax = 16_384;

/** Longest id of a principal, characters: it is stored with every command. */
const idCharsMax = 256;

/** Ids that the audit trail gives to others: handlers and timers, strangers, and people at the command line. */
const reserved = /^(?:system|anonymous|cli:.*)$/s;

/**
 * Tells from `Authorization: Bearer <JSON Web Token>` who sends a request: a `user` with the token's `sub` as id, its
 * claims, and the tenant that `tenantClaim` says. Signature, algorithm, issuer, audience, expiry (which every token must
 * have) and start are checked by jose. A request without the header is anonymous, unless a token is `required`.
 * The function that it returns throws `unauthenticated` (401) for a token that is not good, and `jwks-unavailable` (503)
 * where that cannot be known. Errors never hold the token, or anything that is in it.
 * @throws HoldfastError `invalid-options`
 * Source: RFC 7519; RFC 6750, section 2.1; RFC 8725 (best current practices)
 */
export function authenticateJwt(options: JwtOptions): Authenticate {
  const settings = jwtSettings(options);
  const verify = createVerify(settings);
  return async (request) => {
    const header = request.headers.get("authorization");
    if (header === null) {
      if (settings.required) throw unauthenticated("This needs a token: Authorization: Bearer <token>.");
      return undefined;
    }
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1];
    if (token === undefined || token.length > tokenCharsMax) {
      throw unauthenticated("The Authorization header is not understood; send Bearer <token>.");
    }
    return principalOf(await verify(token), settings);
  };
}

function createVerify(settings: JwtSettings): (token: string) => Promise<JWTPayload> {
  const { issuer, audience, algorithms, typ, system, clockToleranceMs } = settings;
  const key = keysOf(settings);
  const checks = {
    issuer: [issuer].flat(),
    audience: [audience].flat(),
    algorithms: [...algorithms],
    clockTolerance: clockToleranceMs / 1_000,
    requiredClaims: ["exp"],
    ...(typ !== undefined && { typ }),
  };
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, key, { ...checks, currentDate: dateOf(system.now()) });
      return payload;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      // What jose says of a token begins like that; everything else is no fault of the caller's.
      if (!code.startsWith("ERR_J")) throw error;
      // Without the cause: jose puts the claims into it, and errors are logged.
      throw unauthenticated(complaint(code, error));
    }
  };
}

function keysOf({ jwks, keys, secret, system, ...times }: JwtSettings): JWTVerifyGetKey {
  if (jwks !== undefined) {
    return createRemoteKeys({
      url: new URL(jwks),
      refreshMs: times.jwksRefreshMs,
      ageMaxMs: times.jwksAgeMaxMs,
      cooldownMs: times.jwksCooldownMs,
      timeoutMs: times.jwksTimeoutMs,
      system,
    });
  }
  if (keys !== undefined) return localKeys(keys);
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : new Uint8Array(secret ?? []);
  return async () => bytes;
}

const claimComplaints: ReadonlyMap<unknown, string> = new Map([
  ["iss", "The token is of another issuer (iss)."],
  ["aud", "The token is for another audience (aud)."],
  ["nbf", "The token is not valid yet (nbf)."],
  ["exp", "The token does not say when it expires (exp)."],
  ["typ", "The token is of another type (typ)."],
]);

function complaint(code: string, error: unknown): string {
  if (code === "ERR_JWT_EXPIRED") return "The token has expired.";
  if (code === "ERR_JWKS_NO_MATCHING_KEY") return "The token is signed with a key that its issuer does not publish.";
  if (code === "ERR_JWKS_MULTIPLE_MATCHING_KEYS") return "The token does not say which key it is signed with (kid).";
  const claim = error instanceof Error && "claim" in error ? error.claim : undefined;
  return claimComplaints.get(claim) ?? "The token is not valid.";
}

/** @throws HoldfastError `unauthenticated` for a token that does not say who it is for, or of which tenant */
function principalOf(claims: JWTPayload, { idClaim, tenantClaim }: JwtSettings): Principal {
  const id = textOf(claims, idClaim);
  if (id === undefined || id.length > idCharsMax || /\p{C}/u.test(id)) {
    throw unauthenticated(
      `The token's claim "${idClaim}" must say who it is for: 1 to ${idCharsMax} printable characters.`,
    );
  }
  if (reserved.test(id)) throw unauthenticated(`The token's claim "${idClaim}" is an id that is reserved.`);
  const tenant = tenantClaim === undefined ? "default" : tenantOf(claims, tenantClaim);
  return { kind: "user", id, tenant, claims };
}

function tenantOf(claims: JWTPayload, tenantClaim: string): string {
  const tenant = textOf(claims, tenantClaim);
  try {
    if (tenant !== undefined) {
      checkTenant(tenant);
      return tenant;
    }
  } catch {
    // Said below, without the value.
  }
  throw unauthenticated(`The token's claim "${tenantClaim}" must name a tenant: 1 to 64 of a-z, 0-9 and hyphen.`);
}

/** A claim that is a text and not empty. */
function textOf(claims: JWTPayload, name: string): string | undefined {
  const value = claims[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function unauthenticated(message: string): HoldfastError {
  return new HoldfastError("unauthenticated", message);
}
