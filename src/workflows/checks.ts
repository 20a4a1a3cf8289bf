import { HoldfastError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { retryPolicy } from "../core/retry.ts";
import type { StepOptions } from "./types.ts";

/** Characters of a step's name. */
const nameMax = 200;

/** How long a workflow may wait, milliseconds: ten years. */
const waitMaxMs = 10 * 366 * 86_400_000;

/** @throws HoldfastError `invalid-operation`, into the code that asks */
export function checkName(what: string): void {
  if (typeof what === "string" && what !== "" && what.length <= nameMax) return;
  throw new HoldfastError(
    "invalid-operation",
    `A step's name is a text of 1 to ${nameMax} characters, not ${JSON.stringify(what)?.slice(0, 100)}.`,
  );
}

/** How long that is. @throws HoldfastError `invalid-operation`, into the code that asks */
export function waitOf(what: string, ms: number): number {
  if (Number.isFinite(ms) && ms >= 0 && ms <= waitMaxMs) return ms;
  throw new HoldfastError("invalid-operation", `The ${what} is ${ms} ms; it has to be 0 to ten years.`);
}

/** @throws HoldfastError `invalid-operation`, `invalid-declaration`, into the code that asks */
export function checkStep(step: string, { retry, timeoutMs = 1 }: StepOptions): void {
  retryPolicy(`step "${step}"`, retry);
  if (Number.isSafeInteger(timeoutMs) && timeoutMs >= 1) return;
  throw new HoldfastError(
    "invalid-operation",
    `timeoutMs of step "${step}" is ${timeoutMs}; it is a whole number of milliseconds from 1.`,
  );
}

/** What a call is stored with. */
export function isAccepted(value: JsonValue | undefined): boolean {
  return typeof value === "object" && value !== null && "ok" in value && value["ok"] === true;
}
