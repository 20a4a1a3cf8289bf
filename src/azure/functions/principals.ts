import type { Principal } from "../../core/entity/types.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { Authenticate } from "../../http/options.ts";
import { principalOf, type PrincipalMap } from "../../http/principal-map.ts";
import type { Variables } from "./environment.ts";
import { processEnvironment } from "./process.ts";

/** What App Service's authentication says of the caller: each claim by its type; of a type that is there twice, a list. */
export type EasyAuthIdentity = { readonly [claim: string]: string | readonly string[] };

/** The header is the platform's only where the platform takes away what a caller has sent by that name. */
const enabledVariable = "WEBSITE_AUTH_ENABLED";

/** Characters of the header; App Service's own limit for all headers is 64 KiB. */
const headerMax = 65_536;

/** Who it is, in the tokens of Microsoft Entra and of others. */
const idClaims = [
  "http://schemas.microsoft.com/identity/claims/objectidentifier",
  "oid",
  "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
  "sub",
];

/**
 * Callers that App Service authentication ("Easy Auth") has let in. The id is the claim of the object id, else of the subject;
 * claims are those of the caller. Where that authentication is not turned on, anybody could send its headers, so the
 * function app refuses to start.
 * Source: learn.microsoft.com/azure/app-service/configure-authentication-user-identities (x-ms-client-principal);
 * AzureAD/microsoft-identity-web, AppServicesAuthenticationInformation (WEBSITE_AUTH_ENABLED)
 * @throws HoldfastError `invalid-options`
 */
export function easyAuthPrincipal(
  map: PrincipalMap<EasyAuthIdentity> = {},
  env: Variables = processEnvironment(),
): Authenticate {
  if (!/^true$/i.test(env[enabledVariable] ?? "")) {
    throw new HoldfastError(
      "invalid-options",
      `easyAuthPrincipal() needs App Service authentication, which is not turned on here (${enabledVariable} is ${JSON.stringify(env[enabledVariable] ?? "")}): without it everybody could send its headers.`,
    );
  }
  return ({ headers }) => {
    const header = headers.get("x-ms-client-principal");
    if (header === null || header === "") return undefined;
    const identity = identityOf(header);
    const id = idClaims.find((claim) => claim in identity) ?? "sub";
    // A map is asked by what the platform says, which is data.
    return principalOf("identity", identity, { id, ...(map as PrincipalMap<{ readonly [name: string]: unknown }>) });
  };
}

/**
 * Callers that have sent one of the function app's keys, which the host checks (`authLevel` "function" or "admin"). Which key it was
 * the host does not say, so all of them are one: `id` (default `function-key`) of `tenant` (default `default`).
 */
export function functionKeyPrincipal({
  id = "function-key",
  tenant = "default",
}: Partial<Pick<Principal, "id" | "tenant">> = {}): Authenticate {
  const principal: Principal = { kind: "user", id, tenant, claims: {} };
  return () => principal;
}

/** @throws HoldfastError `unauthenticated` */
function identityOf(header: string): EasyAuthIdentity {
  try {
    if (header.length > headerMax) throw new TypeError("too long");
    const said = JSON.parse(Buffer.from(header, "base64").toString()) as { readonly claims?: unknown };
    if (!Array.isArray(said.claims)) throw new TypeError("no claims");
    const identity = new Map<string, string | readonly string[]>();
    for (const { typ, val } of said.claims as readonly { readonly typ?: unknown; readonly val?: unknown }[]) {
      if (typeof typ !== "string" || typeof val !== "string") throw new TypeError("a claim is no text");
      const before = identity.get(typ);
      identity.set(typ, before === undefined ? val : [before, val].flat());
    }
    return Object.fromEntries(identity);
  } catch {
    throw new HoldfastError(
      "unauthenticated",
      "What the platform says of the caller (x-ms-client-principal) cannot be read.",
    );
  }
}
