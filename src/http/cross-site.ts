import { HoldfastError } from "../core/errors.ts";
import type { Exchange, HttpContext } from "./exchange.ts";

/** Headers that a browser sends to another origin only after that origin has said yes. */
const asking = ["idempotency-key", "if-match", "x-correlation-id", "traceparent"];

/** So are credentials, but for those that browsers add by themselves. Source: RFC 7617, 7616, 4559. */
const askingCredentials = /^(?!basic|digest|negotiate|ntlm)\S/i;

/** So is a body of a type that no form has. */
const askingType = /^application\/(?!x-www-form-urlencoded)/i;

/**
 * Refuses a command that the page of another site sends as a form would: without asking first, so that CORS stops
 * nobody, and with the cookies of whoever looks at the page. With a body it would be asked, since that is JSON; a command
 * without input needs none. Browsers say by themselves where a request comes from; others do not.
 * Source: Fetch Metadata, `Sec-Fetch-Site`; Fetch, CORS-safelisted request headers
 * @throws HoldfastError `cross-origin`
 */
export function refuseCrossSite({ cors }: Pick<HttpContext, "cors">, { header }: Pick<Exchange, "header">): void {
  const site = header("sec-fetch-site");
  if (site === undefined || site === "same-origin" || site === "none") return;
  if (cors?.isListed(header("origin"))) return;
  if (askingCredentials.test(header("authorization") ?? "")) return;
  if (askingType.test(header("content-type") ?? "") || asking.some((name) => header(name) !== undefined)) return;
  throw new HoldfastError(
    "cross-origin",
    "A page of another origin may not send this without asking. List its origin in cors, or send Idempotency-Key.",
  );
}
