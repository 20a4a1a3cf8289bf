import type { ServiceBusClient } from "@azure/service-bus";
import type { Declared } from "../../core/broker/carriage.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";

/** The client is a ready one: namespace, credentials, retries and connections are its affair. Whoever made it closes it. */
export interface ServiceBusOptions {
  readonly client: ServiceBusClient;
  /** What the names of topic and queues begin with: `shop-`. Default: nothing. */
  readonly prefix?: string;
  /** The app, or its manifest: its filters say how fields are written. The same that the rules were made from. */
  readonly app: Declared;
  readonly system: System;
  /** How long one request may take, the SDK's own retries included, 1 to 900,000. Default 10,000. */
  readonly requestTimeoutMs?: number;
}

const known: ReadonlySet<string> = new Set(["client", "prefix", "app", "system", "requestTimeoutMs"]);

/** @throws HoldfastError `invalid-options` */
export function checkServiceBusOptions(options: ServiceBusOptions): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key)) {
      throw invalid(`Unknown option "${key}" of the bus on Service Bus. Known: ${[...known].join(", ")}.`);
    }
  }
  const { client, prefix = "", app, requestTimeoutMs = 1 } = options;
  if (typeof client?.createSender !== "function") {
    throw invalid("client has to be a ServiceBusClient of @azure/service-bus.");
  }
  if (typeof app?.subscriptions !== "object") throw invalid("app has to be an app, or its manifest.");
  if (!/^[\w./-]{0,100}$/.test(prefix)) {
    throw invalid(`prefix is ${JSON.stringify(prefix)}; it has to be up to 100 of [A-Za-z0-9_./-].`);
  }
  if (!Number.isSafeInteger(requestTimeoutMs) || requestTimeoutMs < 1 || requestTimeoutMs > 900_000) {
    throw invalid(`requestTimeoutMs is ${String(requestTimeoutMs)}; it must be a whole number from 1 to 900,000.`);
  }
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
