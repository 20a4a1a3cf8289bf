import { HoldfastError } from "../../../core/errors.ts";
import { nothingHere } from "../../../http/api.ts";
import type { HttpEvent } from "./event.ts";

export interface PathOptions {
  /** What the path begins with and the app does not know: the base path of a custom domain's mapping, `/shop`. */
  readonly basePath?: string | undefined;
  /**
   * Whether `rawPath` is as it was sent (`encoded`, Function URLs) or decoded (`decoded`, HTTP APIs). Default: by the
   * domain, which no client chooses.
   */
  readonly path?: "encoded" | "decoded" | undefined;
}

/**
 * The path of a request, percent-encoded, without stage and base path.
 *
 * HTTP APIs decode the path, twice, and cut it at an encoded `?`. What that has made of an id is refused where it shows:
 * a `%`, `?`, `#` or `\` that is left, and route parameters that say something else than the path. Function URLs
 * hand the path over as it was sent.
 * Source: captures of both, July 2026 (hotsock/voker, vokerhttp/testdata/ingress-paths.json):
 * `%3F` -> cut, `%252F` -> `/`, `%253F` -> `?`, `%2525` -> `%`, `%25` -> refused by API Gateway itself.
 * @throws HoldfastError `invalid-id`, `not-found`
 */
export function pathOf(event: HttpEvent, options: PathOptions): string {
  const { path: form = formOf(event), basePath = "" } = options;
  const path = without(basePath, withoutStage(event));
  if (form === "encoded") return path;
  if (/[%?#\\]/.test(path) || !agreesWithRoute(event)) throw ambiguous();
  try {
    return path.split("/").map(encodeURIComponent).join("/");
  } catch {
    // A lone surrogate.
    throw ambiguous();
  }
}

function formOf({ requestContext }: HttpEvent): "encoded" | "decoded" {
  return /\.lambda-url\.[a-z0-9-]+\.on\.aws$/.test(requestContext.domainName ?? "") ? "encoded" : "decoded";
}

/** A stage is in the path of the API's own domain only; a mapping of a custom domain has a base path instead. */
function withoutStage({ rawPath, requestContext: { stage, domainName } }: HttpEvent): string {
  if (stage === undefined || stage === "$default" || !/\.execute-api\./.test(domainName ?? "")) return rawPath;
  const prefix = `/${stage}`;
  return rawPath === prefix || rawPath.startsWith(`${prefix}/`) ? rawPath.slice(prefix.length) || "/" : rawPath;
}

function without(basePath: string, path: string): string {
  if (basePath === "") return path;
  if (path === basePath) return "/";
  if (path.startsWith(`${basePath}/`)) return path.slice(basePath.length);
  throw nothingHere();
}

/** Whether route parameters, where there are any, say the same as the path: nothing was cut off, no slash was encoded. */
function agreesWithRoute({ routeKey = "", pathParameters, rawPath }: HttpEvent): boolean {
  if (!pathParameters || !routeKey.includes("{")) return true;
  const template = routeKey.slice(routeKey.indexOf("/"));
  const filled = template.replaceAll(/\{([^}+]+)\+?\}/g, (_whole, name: string) => pathParameters[name] ?? "");
  if (rawPath.endsWith(filled)) return true;
  if (/%(?:2f|25|3f|23|5c)/i.test(filled)) return false;
  try {
    return rawPath.endsWith(decodeURIComponent(filled));
  } catch {
    return false;
  }
}

function ambiguous(): HoldfastError {
  return new HoldfastError(
    "invalid-id",
    "API Gateway has decoded the path, and the id in it cannot be told for sure any more: through an HTTP API no id may hold a %, and no / \\ ? # as ever. A Function URL takes a % in ids.",
  );
}
