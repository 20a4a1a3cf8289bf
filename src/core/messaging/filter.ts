import { declarationError } from "../entity/names.ts";
import type { EventRef } from "../entity/types.ts";

/** What a filter may compare: numbers within +-10^9 with at most 5 decimals, strings, booleans. */
export type Scalar = string | number | boolean;

/** Bounds of a numeric range; at least one, at most one of each side. */
export interface Range {
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
}

/**
 * The conditions that a top-level field of that type can have: a value, one of several, or one of the objects. A missing
 * field (or one that holds no scalar) matches nothing but `{ exists: false }`. Comparison is by type and case.
 */
type ConditionOn<T> = { readonly exists: boolean } | ConditionOnScalar<Extract<T, Scalar>>;

/** Not for each member of a union by itself: a list may have several of them. */
type ConditionOnScalar<V extends Scalar> = [V] extends [never]
  ? never
  :
      | V
      | readonly V[]
      | { readonly not: V | readonly V[] }
      | (Extract<V, string> extends never ? never : { readonly prefix: string | readonly string[] })
      | (Extract<V, number> extends never ? never : Range);

/** Fields to conditions; all of them must hold. */
export type Where<Data> = { readonly [F in keyof Data & string]?: ConditionOn<Data[F]> };

/** An event type that a subscription wants, with what its data must be like. */
export interface Interest<Name extends string = string, Type extends string = string, Data = unknown> {
  readonly entity: Name;
  readonly type: Type;
  readonly where: Filter;
  /** Exists at compile time only. */
  readonly data?: Data;
}

/** One checked condition; every target is compiled from this form. */
export type Test =
  | { readonly kind: "in"; readonly values: readonly Scalar[] }
  | { readonly kind: "not-in"; readonly values: readonly Scalar[] }
  | { readonly kind: "prefix"; readonly prefixes: readonly string[] }
  | { readonly kind: "exists"; readonly exists: boolean }
  | ({ readonly kind: "range" } & Range);

/** Field name to test, sorted by name. */
export type Filter = ReadonlyMap<string, Test>;

/**
 * The limits of the strictest broker, which hold everywhere: what works in one process works in the clouds.
 * Sources: Amazon SNS quotas (5 keys, 150 combinations, +-10^9 with 5 decimals); Azure Service Bus quotas (1,024
 * characters a rule).
 */
export const filterLimits = {
  /** With the event's type. */
  fieldsMax: 5,
  /** Different fields of one event type over all subscriptions of an app. */
  fieldsPerEventMax: 8,
  /** The product of the number of values of each field. */
  combinationsMax: 150,
  numberMax: 1_000_000_000,
  decimalsMax: 5,
  /** Of a filter written as a SQL rule. */
  ruleCharsMax: 1_024,
} as const;

/**
 * Wants an event type: `on(cart.events.checkedOut, { country: ["AT", "DE"], total: { gte: 100 } })`.
 * @throws HoldfastError `invalid-declaration` for fields, values and sizes past {@link filterLimits}
 */
export function on<Name extends string, Type extends string, Data>(
  event: EventRef<Name, Type, Data>,
  where: Where<NoInfer<Data>> = {},
): Interest<Name, Type, Data> {
  if (typeof event?.entity !== "string" || typeof event.type !== "string") {
    throw declarationError("on(...) takes an event of an entity: on(cart.events.checkedOut).");
  }
  if (!isPlain(where)) {
    throw declarationError(`The filter on ${event.entity}.${event.type} must be an object of fields.`);
  }
  return { entity: event.entity, type: event.type, where: compileFilter(`${event.entity}.${event.type}`, where) };
}

/** Of a map or a class instance the fields would not be seen, and everything would match. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** True if the data of an event passes. */
export function matches(filter: Filter, data: unknown): boolean {
  for (const [field, test] of filter) if (!passes(test, fieldOf(data, field))) return false;
  return true;
}

/** The field if it holds what brokers can carry; everything else counts as missing. */
export function fieldOf(data: unknown, field: string): Scalar | undefined {
  if (typeof data !== "object" || data === null || !Object.hasOwn(data, field)) return undefined;
  const value: unknown = (data as Record<string, unknown>)[field];
  if (typeof value === "string" || typeof value === "boolean") return value;
  return typeof value === "number" && isFilterable(value) ? value : undefined;
}

function passes(test: Test, value: Scalar | undefined): boolean {
  if (test.kind === "exists") return test.exists === (value !== undefined);
  if (value === undefined) return false;
  switch (test.kind) {
    case "in":
      return test.values.includes(value);
    case "not-in":
      return !test.values.includes(value);
    case "prefix":
      return typeof value === "string" && test.prefixes.some((prefix) => value.startsWith(prefix));
    case "range":
      return typeof value === "number" && inRange(test, value);
  }
}

function inRange({ gt, gte, lt, lte }: Range, value: number): boolean {
  return !(
    (gt !== undefined && value <= gt) ||
    (gte !== undefined && value < gte) ||
    (lt !== undefined && value >= lt) ||
    (lte !== undefined && value > lte)
  );
}

/** Within +-10^9 and at most 5 decimals: what every broker compares exactly. */
export function isFilterable(value: number): boolean {
  if (!Number.isFinite(value) || Math.abs(value) > filterLimits.numberMax) return false;
  return Number(value.toFixed(filterLimits.decimalsMax)) === value;
}

/** Checks a filter and brings it into the form that targets are compiled from. */
export function compileFilter(what: string, where: object): Filter {
  const tests = Object.entries(where)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([field, condition]) => [field, compileCondition(`${what}: the filter on "${field}"`, field, condition)] as const,
    );
  if (tests.length + 1 > filterLimits.fieldsMax) {
    throw declarationError(`${what} is filtered by ${tests.length} fields; ${filterLimits.fieldsMax - 1} are allowed.`);
  }
  const combinations = tests.reduce((product, [, test]) => product * valuesOf(test), 1);
  if (combinations > filterLimits.combinationsMax) {
    throw declarationError(
      `${what} is filtered by ${combinations} combinations of values; ${filterLimits.combinationsMax} are allowed.`,
    );
  }
  const chars = ruleChars(what, tests);
  if (chars > filterLimits.ruleCharsMax) {
    throw declarationError(`${what} has a filter of ${chars} characters; ${filterLimits.ruleCharsMax} are allowed.`);
  }
  return new Map(tests);
}

function compileCondition(what: string, field: string, condition: unknown): Test {
  if (!/^[a-zA-Z][a-zA-Z0-9_]{0,39}$/.test(field)) {
    throw declarationError(`${what}: a field is a letter, then up to 39 letters, digits or underscores.`);
  }
  if (condition === undefined) throw declarationError(`${what} is undefined, so everything would match.`);
  if (Array.isArray(condition) || typeof condition !== "object") {
    return { kind: "in", values: scalars(what, condition) };
  }
  const keys = Object.keys(condition ?? {});
  const [key] = keys;
  const { not, prefix, exists } = (condition ?? {}) as { not?: unknown; prefix?: unknown; exists?: unknown };
  if (keys.length === 1 && key === "not") return { kind: "not-in", values: scalars(what, not) };
  if (keys.length === 1 && key === "exists" && typeof exists === "boolean") return { kind: "exists", exists };
  if (keys.length === 1 && key === "prefix") {
    const prefixes = scalars(what, prefix);
    if (prefixes.some((value) => typeof value !== "string" || value === "")) {
      throw declarationError(`${what}: a prefix is a string that is not empty.`);
    }
    // Each is a string, as checked above.
    return { kind: "prefix", prefixes: prefixes as readonly string[] };
  }
  if (keys.length > 0 && keys.every((name) => ["gt", "gte", "lt", "lte"].includes(name))) {
    return compileRange(what, condition as Range);
  }
  throw declarationError(
    `${what} is none: use a value, a list of values, { not }, { prefix }, { exists } or { gt, gte, lt, lte }.`,
  );
}

function compileRange(what: string, range: Range): Test {
  const { gt, gte, lt, lte } = range;
  for (const bound of Object.values(range) as readonly unknown[]) scalars(what, bound);
  if (Object.values(range).some((bound) => typeof bound !== "number")) {
    throw declarationError(`${what}: the bounds of a range are numbers.`);
  }
  if ((gt !== undefined && gte !== undefined) || (lt !== undefined && lte !== undefined)) {
    throw declarationError(`${what}: a range has one lower and one upper bound at most.`);
  }
  const low = gt ?? gte ?? -Infinity;
  const high = lt ?? lte ?? Infinity;
  if (low > high || (low === high && (gt !== undefined || lt !== undefined))) {
    throw declarationError(`${what}: no number lies between ${low} and ${high}.`);
  }
  return { kind: "range", ...range };
}

function scalars(what: string, value: unknown): readonly Scalar[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw declarationError(`${what} lists no value, so nothing would ever match.`);
  for (const item of list) {
    if (typeof item === "boolean" || (typeof item === "string" && item.isWellFormed())) continue;
    if (typeof item === "number" && isFilterable(item)) continue;
    throw declarationError(
      `${what} holds ${shown(item)}; allowed are strings, booleans, and numbers within +-10^9 and 5 decimals.`,
    );
  }
  // Checked one by one above; -0 is 0 on every wire.
  return [...new Set((list as readonly Scalar[]).map((item) => (item === 0 ? 0 : item)))];
}

/** For a message; not every value has a text. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}

function valuesOf(test: Test): number {
  if (test.kind === "in" || test.kind === "not-in") return test.values.length;
  return test.kind === "prefix" ? test.prefixes.length : 1;
}

/** An upper bound of the filter's length as a SQL rule: every value quoted, every quote doubled. */
function ruleChars(what: string, tests: readonly (readonly [string, Test])[]): number {
  const quoted = (value: Scalar): number =>
    typeof value === "string" ? value.length + value.split("'").length + 1 : String(value).length;
  return tests.reduce((sum, [field, test]) => {
    const values =
      test.kind === "in" || test.kind === "not-in"
        ? test.values.map((value) => quoted(value) + 2)
        : test.kind === "prefix"
          ? test.prefixes.map((prefix) => 2 * quoted(prefix) + field.length + 24)
          : [48];
    return sum + field.length + 24 + values.reduce((a, b) => a + b, 0);
  }, what.length + 64);
}
