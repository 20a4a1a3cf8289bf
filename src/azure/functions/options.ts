import type { App } from "../../core/app.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { Limits } from "../../core/runtime/limits.ts";
import type { Logger } from "../../core/runtime/system.ts";
import type { Telemetry } from "../../core/runtime/telemetry.ts";
import { checkOpen } from "../../http/open.ts";
import { httpSettings, type Authenticate, type HttpOptions } from "../../http/options.ts";
import type { Variables } from "./environment.ts";
import { requestTimeoutMs } from "./http.ts";
import type { InstancePorts } from "./instance.ts";

/** What callers need so that the host lets them in. Source: learn.microsoft.com/azure/azure-functions/function-keys-how-to */
export type AuthLevel = "anonymous" | "function" | "admin";

export interface RegisterOptions<Services> {
  /** What `prepare` and handlers get, or what makes it at the first use; made anew where that failed. */
  readonly services?: Services | (() => Services | Promise<Services>);
  /** Who sends a request: `easyAuthPrincipal()`, `functionKeyPrincipal()`, `authenticateJwt()`, or your own. Default: nobody in particular. */
  readonly authenticate?: Authenticate;
  /** Whether the host asks for a key of the function app. Default `function`; whoever has another way in writes `anonymous`. */
  readonly authLevel?: AuthLevel;
  /** True: entities that declare no `authorize` are open to everybody whom the host lets in. Default false: then it refuses to start. */
  readonly public?: boolean;
  /** Bounds of the HTTP interface. `requestTimeoutMs` is 28,000 by default, 220,000 at most: Azure waits 230 seconds. */
  readonly http?: Omit<HttpOptions, "authenticate" | "live" | "Response">;
  readonly limits?: Partial<Limits>;
  /** Where lines go. Default: JSON on standard output, from the level HOLDFAST_LOG on. */
  readonly logger?: Logger;
  /** Who is told of spans and measurements, `openTelemetry()` of `holdfast/telemetry`. */
  readonly telemetry?: Telemetry;
  /** Default: the process's environment. */
  readonly env?: Variables;
  /** Ports of your own. Default: Table storage and Service Bus, as the environment says. */
  readonly open?: () => Promise<Omit<InstancePorts, "services">>;
}

const known: ReadonlySet<string> = new Set([
  "services",
  "authenticate",
  "authLevel",
  "public",
  "http",
  "limits",
  "logger",
  "telemetry",
  "env",
  "open",
]);

const timeoutMaxMs = 220_000;

/** What `createHttp` gets. @throws HoldfastError `invalid-options`, that names the entities which are open to everybody */
export function checkedHttpOptions(app: App, options: RegisterOptions<never>): HttpOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalid(`Unknown option "${name}" of register. Known: ${[...known].join(", ")}.`);
  }
  const { authenticate, authLevel = "function", http = {} } = options;
  for (const name of ["authenticate", "live", "Response"]) {
    if (name in http) throw invalid(`"${name}" is no option of http on Azure; answers there are bounded.`);
  }
  if (!["anonymous", "function", "admin"].includes(authLevel)) {
    throw invalid(`authLevel is ${JSON.stringify(authLevel)}; it is anonymous, function or admin.`);
  }
  checkOpen(app, options.public === true, "functions");
  const checked = { requestTimeoutMs, ...http, live: false, ...(authenticate && { authenticate }) };
  if (httpSettings(checked).requestTimeoutMs > timeoutMaxMs) {
    throw invalid(`requestTimeoutMs is ${checked.requestTimeoutMs}; on Azure it is ${timeoutMaxMs} at most.`);
  }
  return checked;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
