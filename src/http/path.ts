import { HoldfastError } from "../core/errors.ts";
import { checkId } from "../core/entity/names.ts";

const api = "/api/";

/**
 * The path of a request target as it was sent: no decoding, no removal of dot segments. Routing on a normalised path
 * would let `/api/cart/%2e%2e/addItem` reach somebody else than it names.
 */
export function rawPath(target: string): string {
  const query = target.indexOf("?");
  const path = query === -1 ? target : target.slice(0, query);
  if (path.startsWith("/")) return path;
  // The absolute form, as proxies send it. Source: RFC 9112, section 3.2.2.
  const authority = path.indexOf("://");
  const slash = authority === -1 ? -1 : path.indexOf("/", authority + 3);
  return slash === -1 ? "/" : path.slice(slash);
}

/** What a workflow's signals are called as commands: `/signals/approved` is `signal-approved`. */
const signals = "signals/";

/**
 * The parts of `/api/{entity}/{id}`, `/api/{entity}/{id}/{command}` and `/api/{workflow}/{id}/signals/{signal}`, still encoded;
 * otherwise `undefined`.
 */
export function apiParts(
  path: string,
): { readonly entity: string; readonly id: string; readonly command: string | undefined } | undefined {
  if (!path.startsWith(api)) return undefined;
  const afterEntity = path.indexOf("/", api.length);
  if (afterEntity === -1) return undefined;
  const entity = path.slice(api.length, afterEntity);
  const afterId = path.indexOf("/", afterEntity + 1);
  if (afterId === -1) return { entity, id: path.slice(afterEntity + 1), command: undefined };
  const rest = path.slice(afterId + 1);
  const command = rest.startsWith(signals) ? `signal-${rest.slice(signals.length)}` : rest;
  return command.includes("/") ? undefined : { entity, id: path.slice(afterEntity + 1, afterId), command };
}

/** A name in a path; `undefined` if it cannot be one. */
export function decodeName(segment: string): string | undefined {
  return segment.includes("%") ? decode(segment) : segment;
}

/** Most ids: nothing to decode, and none of the rules can be broken. */
const plainId = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * The id in a path: percent-decoded once, strictly.
 * @throws HoldfastError `invalid-id` for malformed escapes, overlong or broken UTF-8, raw characters outside printable
 * ASCII, and what no id may hold
 */
export function decodeId(segment: string): string {
  if (plainId.test(segment)) return segment;
  const id = decode(segment);
  if (id === undefined) {
    throw new HoldfastError(
      "invalid-id",
      "The id in the path is not percent-encoded UTF-8; encode it with encodeURIComponent.",
    );
  }
  checkId(id);
  return id;
}

function decode(segment: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(segment)) return undefined;
  try {
    // Refuses malformed escapes, overlong forms and encoded surrogates. Source: ECMA-262, Decode.
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
