import type { App } from "../../../core/app.ts";
import { HoldfastError } from "../../../core/errors.ts";
import { httpSettings, type HttpOptions } from "../../../http/options.ts";
import { checkOpen } from "../../../http/open.ts";
import type { LambdaAuthenticate } from "../principals.ts";
import type { PathOptions } from "./path.ts";
import { LambdaResponse } from "./response.ts";

export interface HttpHandlerOptions extends PathOptions {
  /** Who sends a request: `iamPrincipal()`, `jwtPrincipal()`, `lambdaPrincipal({ id })`, or your own. Default: nobody in particular. */
  readonly authenticate?: LambdaAuthenticate;
  /** True: entities that declare no `authorize` are open to everybody who reaches the function. Default false: then it refuses to start. */
  readonly public?: boolean;
  /** Bounds of the HTTP interface. `requestTimeoutMs` is 28,000 by default: an HTTP API waits 30 seconds. */
  readonly http?: Omit<HttpOptions, "authenticate" | "live" | "Response">;
}

const known: ReadonlySet<string> = new Set(["authenticate", "public", "http", "basePath", "path"]);
const requestTimeoutMs = 28_000;

/** What `createHttp` gets. @throws HoldfastError `invalid-options`, that names the entities which are open to everybody */
export function checkedHttpOptions(app: App, options: HttpHandlerOptions): HttpOptions {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    throw invalid(`Unknown option "${name}" of the http handler. Known: ${[...known].join(", ")}.`);
  }
  const { http = {}, basePath = "", path = "encoded" } = options;
  for (const name of ["authenticate", "live", "Response"]) {
    if (name in http) throw invalid(`"${name}" is no option of http on Lambda; answers there are bounded.`);
  }
  if (basePath !== "" && !/^(?:\/[\w.~-]+)+$/.test(basePath)) {
    throw invalid(`basePath is ${JSON.stringify(basePath)}; it has to look like /shop, without a slash at its end.`);
  }
  if (path !== "encoded" && path !== "decoded")
    throw invalid(`path is ${JSON.stringify(path)}; it is encoded or decoded.`);
  checkOpen(app, options.public === true, "http handler");
  const checked = { requestTimeoutMs, ...http, live: false, Response: LambdaResponse };
  httpSettings(checked);
  return checked;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
