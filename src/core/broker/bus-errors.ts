import { HoldfastError } from "../errors.ts";

/** The deployment is not what it has to be: the same fails again until it is. */
export function unavailable(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("bus-unavailable", message, { cause });
}

export function messageTooLarge(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("message-too-large", `${message} 262144 bytes are allowed, attributes included.`, { cause });
}

export function messageRefused(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("message-refused", message, { cause });
}

/** It may pass: the same is to be sent again, and may be there already. */
export function passing(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("bus-failed", message, { retry: "later", retryAfterMs: 1_000, cause });
}

/** True where an entry of a batch may be why the whole of it was refused: the others may pass without it. */
export function isOfAnEntry(error: HoldfastError): boolean {
  return error.code === "message-too-large" || error.code === "message-refused";
}
