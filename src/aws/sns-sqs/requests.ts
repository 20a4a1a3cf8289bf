import { HoldfastError } from "../../core/errors.ts";
import type { System } from "../../core/runtime/system.ts";

/** Sends under a signal that ends the request when its time is over. */
export type Send<Output> = (how: { readonly abortSignal: AbortSignal }) => Promise<Output>;

/**
 * Requests that end with their time, whatever the client does: the SDK's pause before a retry does not heed the signal.
 * What the SDK throws is thrown as it is.
 */
export function createRequests(
  system: Pick<System, "after">,
  requestTimeoutMs: number,
): <Output>(send: Send<Output>) => Promise<Output> {
  return (send) =>
    new Promise((resolve, reject) => {
      const controller = new AbortController();
      const cancel = system.after(requestTimeoutMs, () => {
        controller.abort();
        const message = `The broker did not answer within ${requestTimeoutMs} ms; it may or may not have what was sent.`;
        reject(new HoldfastError("bus-failed", message, { retry: "later", retryAfterMs: 1_000 }));
      });
      // A client that throws at once must not leave its timer behind.
      const sent = Promise.resolve().then(() => send({ abortSignal: controller.signal }));
      void sent.then(resolve, reject).finally(cancel);
    });
}

/** Does the work, so many pieces at the same time. */
export async function sideBySide(work: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const waiting = work.values();
  const serve = async (): Promise<void> => {
    for (const piece of waiting) await piece();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, work.length) }, serve));
}
