import { HoldfastError, isHoldfastError } from "../errors.ts";

/**
 * Runs what stored data asks for. Where this code does not know the entity or the command, newer code has stored it and is
 * being rolled out: that may pass.
 */
export async function knownLater<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isHoldfastError(error, "unknown-entity") && !isHoldfastError(error, "unknown-command")) throw error;
    throw new HoldfastError(error.code, error.message, { retry: "later", retryAfterMs: 5_000, cause: error });
  }
}
