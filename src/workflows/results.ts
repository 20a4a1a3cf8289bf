import { HoldfastError } from "../core/errors.ts";
import { jsonBytes, normalise, type JsonValue } from "../core/json.ts";
import type { Fact } from "./facts.ts";

/** Facts of one append, bytes of JSON as they may be at most: an event has 128 KiB. */
const portionBytesMax = 120 * 1024;

/** What a step may return, bytes of JSON. */
const resultBytesMax = 96 * 1024;

/** How many facts go into one append: their event has a bound. */
export function portionOf(facts: readonly Fact[]): number {
  let bytes = 0;
  const end = facts.findIndex((fact) => (bytes += JSON.stringify(fact).length * 3) > portionBytesMax);
  return end < 0 ? facts.length : Math.max(1, end);
}

/** What a step, a call or a workflow returns, as it is stored. @throws HoldfastError `result-refused` */
export function resultOf(what: string, value: unknown): { readonly value?: JsonValue } {
  if (value === undefined) return {};
  let normal: JsonValue;
  try {
    normal = normalise(value, what);
  } catch (error) {
    throw new HoldfastError("result-refused", error instanceof Error ? error.message : String(error));
  }
  const bytes = jsonBytes(normal);
  if (bytes <= resultBytesMax) return { value: normal };
  throw new HoldfastError(
    "result-refused",
    `The result (${what}) has ${bytes} bytes; ${resultBytesMax} are allowed. Store it elsewhere, and return where.`,
  );
}
