import { HoldfastError } from "../errors.ts";
import type { System } from "../runtime/system.ts";
import type { QueuedMessage } from "./port.ts";

/** A message for a worker's queue. */
export interface OutgoingMessage {
  /** What makes it the same message when it is sent again, 1 to 128 printable ASCII characters. Default: a new id. */
  readonly id?: string;
  /** JSON text, at most 255 KiB as UTF-8, attributes included. */
  readonly body: string;
  readonly attributes?: { readonly [name: string]: string };
}

/**
 * Largest message of a queue, bytes of UTF-8. Service Bus counts its own properties as well, for which 1 KiB is left.
 * Source: Amazon SQS and Azure Service Bus (standard tier) quotas, 256 KiB.
 */
export const messageBytesMax: number = 255 * 1024;

/**
 * A message as a queue takes it, with the id that it was given or a new one, and a part of the trace that is active.
 * @throws HoldfastError `message-too-large`, `invalid-message-id`
 */
export function queued(
  { id, body, ...rest }: OutgoingMessage,
  system: Pick<System, "newId" | "now" | "telemetry">,
): Pick<QueuedMessage, "body" | "attributes" | "created"> & { readonly name: string } {
  const trace = system.telemetry?.active();
  const attributes = trace === undefined ? rest.attributes : { traceparent: trace, ...rest.attributes };
  const bytes = Buffer.byteLength(body) + (attributes ? Buffer.byteLength(JSON.stringify(attributes)) : 0);
  if (bytes > messageBytesMax) {
    throw new HoldfastError("message-too-large", `The message has ${bytes} bytes; ${messageBytesMax} are allowed.`);
  }
  const name = id ?? system.newId();
  if (!/^[\x20-\x7e]{1,128}$/.test(name)) {
    throw new HoldfastError("invalid-message-id", "The id of a message is 1 to 128 printable ASCII characters.");
  }
  return { name, body, created: system.now(), ...(attributes && { attributes: JSON.stringify(attributes) }) };
}
