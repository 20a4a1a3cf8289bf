import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { HoldfastError } from "../core/errors.ts";
import type { System } from "../core/runtime/system.ts";
import { isJwks, type Jwks } from "./options.ts";

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly refreshMs: number;
  readonly ageMaxMs: number;
  readonly cooldownMs: number;
  readonly timeoutMs: number;
  readonly system: Pick<System, "now" | "after">;
}

/** After a fetch that failed the next one waits this long, milliseconds. */
const retryMs = 1_000;

/** Longest answer with keys, bytes. */
const answerBytesMax = 256 * 1024;

/**
 * Finds the public key of a token among those that its issuer publishes. They are fetched when the first token comes,
 * then at most once per `cooldownMs` because of a key that is not known (so that rotation works, and a flood of invented
 * names does not reach the issuer), and every `refreshMs` while tokens come; one fetch at a time. Keys serve for
 * `ageMaxMs`, so that an issuer that is down for a while stops nothing.
 * @throws HoldfastError `jwks-unavailable` (later) where nobody can tell whether the token is good
 */
export function createRemoteKeys(options: RemoteKeysOptions): JWTVerifyGetKey {
  const { system, refreshMs, ageMaxMs, cooldownMs } = options;
  let known: { readonly find: JWTVerifyGetKey; readonly at: number } | undefined;
  let failed: { readonly cause: unknown; readonly at: number } | undefined;
  let loading: Promise<void> | undefined;

  const age = (): number => (known === undefined ? Infinity : system.now() - known.at);

  async function load(): Promise<void> {
    const at = system.now();
    try {
      known = { find: localKeys(await fetchKeys(options)), at };
      failed = undefined;
    } catch (cause) {
      failed = { cause, at: system.now() };
    }
  }

  /** Resolves in any case; does nothing where the last fetch has just failed. */
  async function reload(): Promise<void> {
    if (failed && system.now() - failed.at < retryMs) return;
    loading ??= load().finally(() => void (loading = undefined));
    await loading;
  }

  function usable(): JWTVerifyGetKey {
    if (known !== undefined && age() < ageMaxMs) return known.find;
    throw unavailable(failed?.cause);
  }

  return async (header, token) => {
    if (age() >= ageMaxMs) await reload();
    else if (age() >= refreshMs) void reload();
    try {
      return await usable()(header, token);
    } catch (error) {
      if (!isUnknownKey(error) || age() < cooldownMs) throw error;
      await reload();
      if (failed) throw unavailable(failed.cause);
      return usable()(header, token);
    }
  };
}

/** jose's lookup by `kid`, `alg`, `kty`, `use` and `key_ops`. It copies the keys, so that ours may be read-only. */
export function localKeys(jwks: Jwks): JWTVerifyGetKey {
  return createLocalJWKSet(jwks as JSONWebKeySet);
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_JWKS_NO_MATCHING_KEY";
}

async function fetchKeys({ url, timeoutMs, system }: RemoteKeysOptions): Promise<Jwks> {
  const abort = new AbortController();
  const cancel = system.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    const headers = { accept: "application/jwk-set+json, application/json" };
    // A redirect could lead from https to elsewhere.
    const response = await fetch(url, { headers, redirect: "error", signal: abort.signal });
    if (response.status !== 200) throw new Error(`the issuer answers ${response.status}`);
    const jwks: unknown = JSON.parse(await textOf(response));
    if (!isJwks(jwks)) throw new Error("the answer is no set of public keys");
    return jwks;
  } finally {
    cancel();
    // Lets go of what was not read.
    abort.abort();
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > answerBytesMax) throw new Error(`the answer is longer than ${answerBytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function unavailable(cause: unknown): HoldfastError {
  return new HoldfastError("jwks-unavailable", "The keys of the tokens' issuer cannot be fetched.", {
    retry: "later",
    retryAfterMs: retryMs,
    cause,
  });
}
