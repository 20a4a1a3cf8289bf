import { HoldfastError } from "../core/errors.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import { json, type Answer } from "./answer.ts";
import { within } from "./deadline.ts";

/** `GET /healthz`: the process answers. */
export function healthy(): Answer {
  return json({ status: "ok" });
}

/**
 * `GET /readyz`: the store answers too, within `timeoutMs`, and the instance is not shutting down.
 * @throws HoldfastError `not-ready`
 */
export async function ready(runtime: Runtime, timeoutMs: number, closing: boolean): Promise<Answer> {
  if (closing) throw notReady("This instance is shutting down.");
  try {
    await within(runtime.system, timeoutMs, runtime.ready(), () => new Error(`no answer within ${timeoutMs} ms`));
  } catch (error) {
    runtime.system.log.warn({ error }, "the store does not answer: not ready");
    throw notReady("The store does not answer.");
  }
  return json({ status: "ok" });
}

function notReady(message: string): HoldfastError {
  return new HoldfastError("not-ready", message, { retry: "later", retryAfterMs: 1_000 });
}
