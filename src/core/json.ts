import { HoldfastError } from "./errors.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Deeper nesting is refused, in requests as in state. */
export const jsonDepthMax = 64;

/** What `normalise` has made or checked: walks stop here, so that a fold costs what it changed, not what the state holds. */
const normal = new WeakSet<object>();

/**
 * The value as it will be after a round trip through the journal, frozen: `undefined` properties are gone, `-0` is `0`.
 * State, event data and replies pass through it, so that what code sees now is what it sees after a reload.
 * Parts that passed before are shared, not copied.
 * @throws HoldfastError `not-json` for what JSON cannot carry: dates, maps, class instances, NaN, functions, lone
 * surrogates, a `__proto__` key, more than 64 levels.
 */
export function normalise(value: unknown, what: string): JsonValue {
  return walk(value, what, 0);
}

function walk(value: unknown, at: string | number, depth: number): JsonValue {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw notJson(at, "a string with a lone surrogate");
      return value;
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw notJson(at, String(value));
      return value === 0 ? 0 : value;
    case "object":
      break;
    default:
      throw notJson(at, typeof value === "undefined" ? "undefined" : `a ${typeof value}`);
  }
  if (value === null) return null;
  // The set holds only what this function has returned.
  if (normal.has(value)) return value as JsonValue;
  if (depth === jsonDepthMax) throw notJson(at, `nested deeper than ${jsonDepthMax} levels`);
  const result = Array.isArray(value) ? walkArray(value, depth) : walkObject(value, at, depth);
  normal.add(Object.freeze(result));
  return result;
}

function walkArray(value: readonly unknown[], depth: number): readonly JsonValue[] {
  const copy: JsonValue[] = [];
  for (let i = 0; i < value.length; i++) copy.push(walk(value[i], i, depth + 1));
  return copy;
}

function walkObject(value: object, at: string | number, depth: number): { readonly [key: string]: JsonValue } {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw notJson(at, `a ${value.constructor?.name ?? "class instance"}`);
  }
  const copy: { [key: string]: JsonValue } = {};
  for (const key of Object.keys(value)) {
    const item: unknown = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    if (key === "__proto__" || !key.isWellFormed()) throw notJson(at, `the key ${JSON.stringify(key)}`);
    copy[key] = walk(item, key, depth + 1);
  }
  return copy;
}

function notJson(at: string | number, found: string): HoldfastError {
  return new HoldfastError(
    "not-json",
    `${typeof at === "number" ? `element ${at}` : at} is ${found}; state, event data and replies are JSON values (for a date use an ISO string)`,
  );
}

/**
 * Parses what a stranger sent.
 * @throws HoldfastError `malformed-json`: no JSON, over 64 levels deep, a `__proto__` key, a lone surrogate, or a number
 * that JSON cannot carry exactly (past double range, or an integer past 2^53 - 1).
 */
export function parseJson(text: string): JsonValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("malformed-json", `The body is not JSON: ${(cause as Error).message}`, { cause });
  }
  return checkInput(value);
}

/** The input of a command, from any caller, as a frozen JSON value; `undefined` stays: no input. */
export function checkInput(value: unknown): JsonValue {
  let result: JsonValue;
  try {
    result = normalise(value, "the input");
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    throw new HoldfastError("malformed-json", cause.message, { cause });
  }
  checkNumbers(result);
  return result;
}

function checkNumbers(value: JsonValue): void {
  if (typeof value === "number") {
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return;
    throw new HoldfastError("malformed-json", `The number ${value} cannot be carried exactly; send it as a string.`);
  }
  if (typeof value !== "object" || value === null) return;
  for (const item of Array.isArray(value) ? value : Object.values(value)) checkNumbers(item as JsonValue);
}

/**
 * One text per value: keys sorted by UTF-16 code units, no white space, numbers in their shortest form.
 * Source: RFC 8785 (JSON Canonicalization Scheme).
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as { readonly [key: string]: JsonValue };
  let text = "";
  for (const key of Object.keys(object).toSorted()) {
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`;
  }
  return `{${text}}`;
}
