import type { App } from "../core/app.ts";
import { createClient } from "./create-client.ts";
import { webPlatform } from "./platform.ts";
import type { Client, ClientOptions } from "./types.ts";

export type { ClientErrorOptions } from "./client-error.ts";
export { ClientError, isClientError } from "./client-error.ts";
export type {
  CallOptions,
  Client,
  ClientOptions,
  EventOf,
  Handle,
  HistoryPage,
  Reads,
  SignalCalls,
  SpecsOf,
  Viewed,
} from "./types.ts";

/**
 * A client of a served app, typed by the app's type alone: `import type app from "./app.ts"`, then
 * `client<typeof app>({ url }).cart("u1").addItem({ sku: "A-1", quantity: 2 })`. No server code comes with it.
 *
 * Commands return the one result shape; a rejection is a value. Each call has an idempotency key, so that its retries
 * take effect once. Retried are network errors, time-outs and what the server calls passing (408, 429, 502, 503, 504),
 * within `timeoutMs` and the budget `retriesMax`. Everything that is no answer of the entity is thrown as ClientError.
 */
export function client<A extends App>(options: ClientOptions): Client<A> {
  return createClient<A>(options, webPlatform);
}
