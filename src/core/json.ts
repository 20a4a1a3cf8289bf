import { HoldfastError } from "./errors.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Deeper nesting is refused, in requests as in state. */
export const jsonDepthMax = 64;

/**
 * Marks what `normalise` has checked, so that walks stop there: a fold costs what it changed, not what the state holds.
 * A constructor that returns an object gives it its subclass's private field: invisible from outside, not copied by
 * spread, and free for the garbage collector, which a WeakSet is not (measured: a third of the commit path's time).
 */
class Mark extends (function (value: object) {
  return value;
} as unknown as new (
  value: object,
) => object) {
  readonly #normal = true;
  static on(value: object): boolean {
    return #normal in value && value.#normal;
  }
}

/**
 * The value as it will be after a round trip through the journal, frozen: `undefined` properties are gone, `-0` is `0`.
 * State, event data and replies pass through it, so that what code sees now is what it sees after a reload. It is
 * frozen in place where nothing has to change.
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
  // Only this function marks, and what it marks is a JsonValue.
  if (Mark.on(value)) return value as JsonValue;
  if (depth === jsonDepthMax) throw notJson(at, `nested deeper than ${jsonDepthMax} levels`);
  const result = Array.isArray(value) ? walkArray(value, depth) : walkObject(value, at, depth);
  // A frozen object of the user's cannot be marked any more; it is walked each time.
  return Object.isExtensible(result) ? (Object.freeze(new Mark(result)) as JsonValue) : result;
}

function walkArray(value: readonly unknown[], depth: number): readonly JsonValue[] {
  let same = true;
  const copy: JsonValue[] = [];
  for (let i = 0; i < value.length; i++) {
    const item = walk(value[i], i, depth + 1);
    if (!Object.is(item, value[i])) same = false;
    copy.push(item);
  }
  // Equal element for element, so it is what it was checked to be.
  return same ? (value as readonly JsonValue[]) : copy;
}

function walkObject(value: object, at: string | number, depth: number): { readonly [key: string]: JsonValue } {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw notJson(at, `a ${value.constructor?.name ?? "class instance"}`);
  }
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record);
  let same = true;
  for (const key of keys) {
    const item = record[key];
    if (key === "__proto__" || !key.isWellFormed()) throw notJson(at, `the key ${JSON.stringify(key)}`);
    if (item === undefined) same = false;
    else if (!Object.is(walk(item, key, depth + 1), item)) same = false;
  }
  // Equal property for property, so it is what it was checked to be.
  if (same) return record as { readonly [key: string]: JsonValue };
  const copy: { [key: string]: JsonValue } = {};
  for (const key of keys) if (record[key] !== undefined) copy[key] = walk(record[key], key, depth + 1);
  return copy;
}

function notJson(at: string | number, found: string): HoldfastError {
  const where = typeof at === "number" ? `element ${at}` : at;
  return new HoldfastError("not-json", `${where} is ${found}, which JSON does not carry`);
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

/** The input of a command as a JSON value. What a caller in process passes is frozen, unless it is a copy. */
export function checkInput(value: unknown): JsonValue {
  let result: JsonValue;
  try {
    result = normalise(value, "the input");
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    throw new HoldfastError("malformed-json", `${cause.message}.`, { cause });
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
