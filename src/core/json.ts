import { HoldfastError } from "./errors.ts";
import { checkLiterals, clip, inexact } from "./json-literals.ts";
import { readJson } from "./json-text.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Deeper nesting is refused, in requests as in state. */
export const jsonDepthMax = 64;

/**
 * Marks what `normalise` has made, with its size as JSON and its levels, so that walks stop there: a fold costs what it changed, not
 * what the state holds. A constructor that returns an object gives it its subclass's private field: invisible from
 * outside, not copied by spread, and free for the garbage collector, which a WeakMap is not (measured: a third of the
 * commit path's time).
 */
class Mark extends (function (value: object) {
  return value;
} as unknown as new (
  value: object,
) => object) {
  readonly #bytes: number;
  readonly #levels: number;
  constructor(value: object, bytes: number, levels: number) {
    super(value);
    this.#bytes = bytes;
    this.#levels = levels;
  }
  static bytes(value: object): number | undefined {
    return #bytes in value ? value.#bytes : undefined;
  }
  static levels(value: object): number {
    return #levels in value ? value.#levels : 0;
  }
}

/** Bytes of the JSON that the walk under way has seen so far. Walks are synchronous: one at a time. */
let walkedBytes = 0;

/** How many levels, from the root on, it has seen so far. */
let walkedLevels = 0;

/** The way from the root to what the walk under way is looking at, for messages: up to `depth` steps of it count. */
const trail: (string | number)[] = [];

/**
 * The value as it will be after a round trip through the journal, frozen: `undefined` properties are gone, `-0` is `0`.
 * State, event data and replies pass through it, so that what code sees now is what it sees after a reload. Makes a
 * copy; parts that came from here before are shared.
 * @throws HoldfastError `not-json` for what JSON cannot carry: dates, maps, class instances, NaN, functions, lone
 * surrogates, a `__proto__` key, more than 64 levels.
 */
export function normalise(value: unknown, what: string): JsonValue {
  walkedBytes = 0;
  walkedLevels = 0;
  return walk(value, what, 0);
}

/** The size of a normalised value as JSON, in bytes of UTF-8; costs nothing for objects and arrays. */
export function jsonBytes(value: JsonValue): number {
  if (typeof value === "object" && value !== null) return Mark.bytes(value) ?? Buffer.byteLength(JSON.stringify(value));
  return scalarBytes(value);
}

function walk(value: unknown, what: string, depth: number): JsonValue {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw notJson(what, depth, "is a string with a lone surrogate");
      walkedBytes += scalarBytes(value);
      return value;
    case "boolean":
      walkedBytes += scalarBytes(value);
      return value;
    case "number":
      if (!Number.isFinite(value)) throw notCarried(what, depth, String(value));
      walkedBytes += scalarBytes(value);
      return value === 0 ? 0 : value;
    case "object":
      break;
    default:
      throw notCarried(what, depth, typeof value === "undefined" ? "undefined" : `a ${typeof value}`);
  }
  if (value === null) {
    walkedBytes += 4;
    return null;
  }
  const known = Mark.bytes(value);
  if (known !== undefined) {
    walkedBytes += known;
    reach(depth + Mark.levels(value), what);
    // Only this function marks, and what it marks is a JsonValue.
    return value as JsonValue;
  }
  const bytesBefore = walkedBytes;
  const levelsBefore = walkedLevels;
  walkedLevels = 0;
  reach(depth + 1, what);
  const copy = Array.isArray(value) ? copyArray(value, what, depth) : copyObject(value, what, depth);
  const marked = Object.freeze(new Mark(copy, walkedBytes - bytesBefore, walkedLevels - depth));
  walkedLevels = Math.max(walkedLevels, levelsBefore);
  return marked as JsonValue;
}

/** What was normalised before counts with its levels: what is nested into more and more must be readable later. */
function reach(levels: number, what: string): void {
  if (levels > jsonDepthMax) throw notJson(what, 0, `is nested deeper than ${jsonDepthMax} levels`);
  walkedLevels = Math.max(walkedLevels, levels);
}

function copyArray(value: readonly unknown[], what: string, depth: number): readonly JsonValue[] {
  const copy: JsonValue[] = [];
  for (let i = 0; i < value.length; i++) {
    trail[depth] = i;
    copy.push(walk(value[i], what, depth + 1));
  }
  walkedBytes += 2 + Math.max(0, copy.length - 1);
  return copy;
}

function copyObject(value: object, what: string, depth: number): { readonly [key: string]: JsonValue } {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    // An `async` by mistake: it is refused here, and its failure must not end the process later.
    if (value instanceof Promise) value.catch(() => {});
    throw notCarried(what, depth, `a ${value.constructor?.name ?? "class instance"}`);
  }
  const copy: { [key: string]: JsonValue } = {};
  let count = 0;
  for (const key of Object.keys(value)) {
    const item: unknown = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    if (key === "__proto__") throw notJson(what, depth, 'has the key "__proto__", which is refused');
    if (!key.isWellFormed()) throw notJson(what, depth, "has a key with a lone surrogate");
    trail[depth] = key;
    copy[key] = walk(item, what, depth + 1);
    walkedBytes += scalarBytes(key) + 1;
    count++;
  }
  walkedBytes += 2 + Math.max(0, count - 1);
  return copy;
}

function scalarBytes(value: string | number | boolean | null): number {
  if (typeof value !== "string") return String(value === 0 ? 0 : value).length;
  return needsNoEscape.test(value) ? value.length + 2 : Buffer.byteLength(JSON.stringify(value));
}

const needsNoEscape = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** Freezes plain objects and arrays all the way down: what a schema has made is decided on more than once. */
export function freezePlain<T>(value: T, depth = 0): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || depth > jsonDepthMax) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return value;
  for (const item of Object.values(value)) freezePlain(item, depth + 1);
  return Object.freeze(value);
}

function notJson(what: string, depth: number, is: string): HoldfastError {
  return new HoldfastError("not-json", `${what}${place(depth)} ${is}`);
}

function notCarried(what: string, depth: number, found: string): HoldfastError {
  return notJson(what, depth, `is ${found}, which JSON does not carry`);
}

/** ` at ` and the JSON pointer to where the walk stands; nothing at the root. Source: RFC 6901. */
function place(depth: number): string {
  if (depth === 0) return "";
  const steps = trail.slice(0, depth).map((step) => String(step).replaceAll("~", "~0").replaceAll("/", "~1"));
  return ` at ${clip(`/${steps.join("/")}`, 200)}`;
}

/**
 * Parses what a stranger sent.
 * @throws HoldfastError `malformed-json`: no JSON, over 64 levels deep, a `__proto__` key, a lone surrogate, or a number
 * that is not carried exactly: past 2^53 - 1, or written with other significant digits than the shortest text of the
 * double that it becomes. `1.10`, `1e2` and `-0` (which is 0) pass; `1e400`, `1e-400`, `1.00000000000000000001` and 0.1
 * written out to 20 digits do not.
 */
export function parseJson(text: string): JsonValue {
  let value: unknown;
  try {
    value = readJson(text);
  } catch (cause) {
    throw new HoldfastError("malformed-json", `The body is not JSON: ${(cause as Error).message}`, { cause });
  }
  checkLiterals(text);
  return normaliseInput(value);
}

/** The input of a command as a JSON value: a frozen copy of what the caller passed. */
export function checkInput(value: unknown): JsonValue {
  const result = normaliseInput(value);
  checkNumbers(result, 0);
  return result;
}

function normaliseInput(value: unknown): JsonValue {
  try {
    return normalise(value, "The input");
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    throw new HoldfastError("malformed-json", `${cause.message}.`, { cause });
  }
}

/** A value in process has no literal any more: one past 2^53 - 1 may have been rounded by whoever made it. */
function checkNumbers(value: JsonValue, depth: number): void {
  if (typeof value === "number") {
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return;
    throw inexact(`The number ${value}${place(depth)} of the input is past 2^53 - 1`);
  }
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      trail[depth] = i;
      checkNumbers(value[i], depth + 1);
    }
    return;
  }
  const object = value as { readonly [key: string]: JsonValue };
  for (const key of Object.keys(object)) {
    trail[depth] = key;
    checkNumbers(object[key] as JsonValue, depth + 1);
  }
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
