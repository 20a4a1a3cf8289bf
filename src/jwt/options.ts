import { HoldfastError } from "../core/errors.ts";
import { createSystem, type System } from "../core/runtime/system.ts";

/** Public keys, as an issuer publishes them. Source: RFC 7517, section 5. */
export interface Jwks {
  readonly keys: readonly { readonly [member: string]: unknown }[];
}

export interface JwtOptions {
  /** Who makes the tokens (`iss`): exactly this text, or one of these. */
  readonly issuer: string | readonly string[];
  /** For whom they are made (`aud`): this service's own name there, or several, one of which the token must name. */
  readonly audience: string | readonly string[];
  /** Address of the issuer's public keys: https, or http on this machine. One of `jwks`, `keys` and `secret` is needed. */
  readonly jwks?: string | URL;
  /** The public keys themselves, where they are known and do not change. */
  readonly keys?: Jwks;
  /** What issuer and service share, at least 32 bytes. Whoever can check such a token can make one. */
  readonly secret?: string | Uint8Array;
  /** Signatures that are accepted. Default RS256, PS256, ES256 and EdDSA; with `secret` HS256. */
  readonly algorithms?: readonly string[];
  /** By how much the clocks of issuer and service may differ, milliseconds, 0 to 300,000. Default 5,000. */
  readonly clockToleranceMs?: number;
  /** The claim that is the principal's id. Default `sub`. */
  readonly idClaim?: string;
  /** The claim that names the tenant; a token without it is refused. Default: all are of tenant `default`. */
  readonly tenantClaim?: string;
  /** The header `typ` that a token must have: `at+jwt` for access tokens by RFC 9068. Default: any. */
  readonly typ?: string;
  /** Whether a request without a token is refused. Default false: it is anonymous, and `authorize` decides. */
  readonly required?: boolean;
  /** Keys older than that are fetched anew, while the old ones still serve, milliseconds. Default 10 minutes. */
  readonly jwksRefreshMs?: number;
  /** Keys older than that are not used any more: an issuer may be down for that long. Milliseconds. Default 1 hour. */
  readonly jwksAgeMaxMs?: number;
  /** For a key that is not known they are fetched at most this often, milliseconds. Default 30,000. */
  readonly jwksCooldownMs?: number;
  /** How long the issuer may take to answer, milliseconds. Default 5,000. */
  readonly jwksTimeoutMs?: number;
  /** Clock and timers. Default: this process's own. */
  readonly system?: Pick<System, "now" | "after">;
}

/** The options, checked, with their defaults. */
export type JwtSettings = Readonly<Required<Omit<JwtOptions, Choice>>> & Pick<JwtOptions, Choice>;
type Choice = "jwks" | "keys" | "secret" | "tenantClaim" | "typ";

const asymmetric = ["RS256", "PS256", "ES256", "EdDSA"];
/** Never `none`; and no secret where keys are public: a token "signed" with the public key would pass. */
const allowed = {
  public: [...asymmetric, "RS384", "RS512", "PS384", "PS512", "ES384", "ES512", "Ed25519"],
  secret: ["HS256", "HS384", "HS512"],
};

const times = {
  clockToleranceMs: 5_000,
  jwksRefreshMs: 10 * 60_000,
  jwksAgeMaxMs: 60 * 60_000,
  jwksCooldownMs: 30_000,
  jwksTimeoutMs: 5_000,
};

const known: ReadonlySet<string> = new Set([
  "issuer",
  "audience",
  "jwks",
  "keys",
  "secret",
  "algorithms",
  "idClaim",
  "tenantClaim",
  "typ",
  "required",
  "system",
  ...Object.keys(times),
]);

/** Shortest secret, bytes. Source: RFC 7518, section 3.2: as long as the hash, 256 bits for HS256. */
const secretBytesMin = 32;

/** @throws HoldfastError `invalid-options`, saying which option is wrong and what it may be */
export function jwtSettings(options: JwtOptions): JwtSettings {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalid(`Unknown option "${name}". Known: ${[...known].join(", ")}.`);
  }
  // Without an explicit `undefined`, which would hide a default.
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as JwtOptions;
  const { jwks, keys, secret } = given;
  if ([jwks, keys, secret].filter((source) => source !== undefined).length !== 1) {
    throw invalid("Give exactly one of jwks, keys and secret: what tokens are checked with.");
  }
  if (jwks !== undefined) checkAddress(jwks);
  if (keys !== undefined) checkKeys(keys);
  if (secret !== undefined) checkSecret(secret);
  for (const name of ["issuer", "audience"] as const) checkNames(name, given[name]);
  for (const name of ["idClaim", "tenantClaim", "typ"] as const) {
    const value = given[name];
    if (value !== undefined && !isText(value)) throw invalid(`${name} must be a text that is not empty.`);
  }
  const kind = secret === undefined ? "public" : "secret";
  const { algorithms = kind === "public" ? asymmetric : ["HS256"] } = given;
  checkAlgorithms(algorithms, kind);
  for (const name of Object.keys(times) as (keyof typeof times)[]) checkTime(name, given[name]);
  return { idClaim: "sub", required: false, ...times, system: createSystem(), ...given, algorithms };
}

function checkAddress(jwks: string | URL): void {
  const url = URL.parse(String(jwks));
  if (url === null) throw invalid(`jwks is "${String(jwks)}"; it must be the address of the issuer's keys.`);
  if (url.username !== "" || url.password !== "") throw invalid("jwks has a name or password in it; keys are public.");
  const own = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && own)) return;
  throw invalid(`jwks is at ${url.protocol}//${url.host}; it must be https (http only on this machine).`);
}

function checkKeys(keys: unknown): void {
  if (isJwks(keys)) return;
  throw invalid("keys must be a JSON Web Key Set, { keys: [...] }, of 1 to 100 public keys.");
}

/** Most keys of a set: each token looks for its own among all of them. */
const keysMax = 100;

/** Whether it has the form of a key set; the keys themselves are looked at when they are used. */
export function isJwks(value: unknown): value is Jwks {
  if (typeof value !== "object" || value === null || !("keys" in value)) return false;
  const { keys } = value;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > keysMax) return false;
  // A private key that is handed around opens everything; better to hear of it at once.
  return keys.every(
    (key) => typeof key === "object" && key !== null && "kty" in key && key.kty !== "oct" && !("d" in key),
  );
}

function checkSecret(secret: unknown): void {
  const isSecret = typeof secret === "string" || secret instanceof Uint8Array;
  if (isSecret && Buffer.byteLength(secret) >= secretBytesMin) return;
  throw invalid(`secret must be a string or bytes, at least ${secretBytesMin} bytes long, made by chance.`);
}

function checkNames(name: string, value: unknown): void {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (names.length > 0 && names.every(isText)) return;
  throw invalid(`${name} must be a text that is not empty, or a list of such.`);
}

function checkAlgorithms(algorithms: readonly string[], kind: keyof typeof allowed): void {
  const wrong = Array.isArray(algorithms) ? algorithms.find((name) => !allowed[kind].includes(name)) : undefined;
  if (Array.isArray(algorithms) && algorithms.length > 0 && wrong === undefined) return;
  const source = kind === "secret" ? "a secret" : "public keys";
  const what = wrong === undefined ? "algorithms is empty" : `algorithms has "${String(wrong)}"`;
  throw invalid(`${what}; with ${source} it may have ${allowed[kind].join(", ")}.`);
}

function checkTime(name: keyof typeof times, value: number | undefined): void {
  const [min, max] = name === "clockToleranceMs" ? [0, 300_000] : [1, 86_400_000];
  if (value === undefined || (Number.isSafeInteger(value) && value >= min && value <= max)) return;
  throw invalid(`${name} is ${String(value)}; it must be a whole number from ${min} to ${max}.`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
