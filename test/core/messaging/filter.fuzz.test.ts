import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { compileFilter, filterLimits, isFilterable, matches, on } from "../../../src/core/messaging/filter.ts";
import { account } from "../fixtures.ts";

/** Strings that brokers and quoting stumble over. */
const hostile = fc.oneof(
  fc.constantFrom(
    "",
    "'",
    "''",
    "%",
    "_",
    "\\",
    "a'b",
    "AT",
    "at",
    "Ä",
    "ä",
    "null",
    "NULL",
    "true",
    "1",
    " ",
    "\u{1f600}",
    "x]y",
    "[x]",
  ),
  fc.string({ maxLength: 8 }).filter((text) => text.isWellFormed()),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.1, 0.00001, 0.000001, 1e9, -1e9, 1_000_000_001, 1e20, 2.5),
  fc.integer({ min: -1000, max: 1000 }).map((n) => n / 10),
);
const scalar = fc.oneof(hostile, number.filter(isFilterable), fc.boolean());
const fields = ["a", "b", "c"] as const;
const list = fc.array(scalar, { minLength: 1, maxLength: 4 });
const condition = fc.oneof(
  scalar,
  list,
  fc.record({ not: fc.oneof(scalar, list) }),
  fc
    .record({ prefix: fc.oneof(hostile, fc.array(hostile, { minLength: 1, maxLength: 3 })) })
    .filter(({ prefix }) => ![prefix].flat().includes("")),
  fc.record({ exists: fc.boolean() }),
  fc
    .tuple(number.filter(isFilterable), fc.nat({ max: 50 }))
    .map(([low, span]) => ({ gte: low, lt: Math.min(1e9, low + span + 1) }))
    .filter(({ gte, lt }) => isFilterable(lt) && gte < lt),
  number.filter(isFilterable).map((gt) => ({ gt })),
  number.filter(isFilterable).map((lte) => ({ lte })),
);
const where = fc.dictionary(fc.constantFrom(...fields), condition, { maxKeys: 3 });
const value = fc.oneof(hostile, number, fc.boolean(), fc.constant(null), fc.constant([1]), fc.constant({ x: 1 }));
const data = fc.dictionary(fc.constantFrom(...fields, "d"), value, { maxKeys: 4 });

/** Written from the words of the design, without a look at the code under test. */
function naive(filter: Readonly<Record<string, unknown>>, event: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(filter).every(([field, wanted]) => {
    const raw = field in event ? event[field] : undefined;
    const tooFine = typeof raw === "number" && (Math.abs(raw) > 1e9 || !/^-?\d+(\.\d{1,5})?$/.test(plain(raw)));
    const there = (typeof raw === "string" || typeof raw === "boolean" || typeof raw === "number") && !tooFine;
    const same = (x: unknown): boolean => x === raw;
    const { exists, not, prefix, gt, gte, lt, lte } = Object(wanted) as Record<string, never>;
    if (exists !== undefined) return exists === there;
    if (!there) return false;
    if (not !== undefined) return ![not].flat().some(same);
    if (prefix !== undefined)
      return typeof raw === "string" && [prefix].flat().some((p: string) => raw.slice(0, p.length) === p);
    if ([gt, gte, lt, lte].some((bound) => bound !== undefined)) {
      if (typeof raw !== "number") return false;
      return [
        gt === undefined || raw > gt,
        gte === undefined || raw >= gte,
        lt === undefined || raw < lt,
        lte === undefined || raw <= lte,
      ].every(Boolean);
    }
    return [wanted].flat().some(same);
  });
}

/** Decimal digits without an exponent. */
const plain = (n: number): string => {
  const text = String(n);
  return text.includes("e-") ? n.toFixed(20).replace(/0+$/, "") : text;
};

describe("the matcher", () => {
  test("agrees with a naive evaluation on generated filters and events", () => {
    let matched = 0;
    fc.assert(
      fc.property(where, data, (filter, event) => {
        const expected = naive(filter, event);
        if (expected) matched++;
        expect(matches(compileFilter("x.y", filter), event)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
    expect(matched).toBeGreaterThan(200);
  });

  test("does not look at what an object inherits", () => {
    expect(matches(compileFilter("x.y", { constructor: { exists: true } }), {})).toBe(false);
    expect(matches(compileFilter("x.y", { toString: { exists: false } }), {})).toBe(true);
  });

  test("compares by type and by case", () => {
    expect(matches(compileFilter("x.y", { a: 1 }), { a: "1" })).toBe(false);
    expect(matches(compileFilter("x.y", { a: "at" }), { a: "AT" })).toBe(false);
    expect(matches(compileFilter("x.y", { a: true }), { a: "true" })).toBe(false);
  });
});

describe("a filter is refused when it is declared", () => {
  const values = (n: number) => Array.from({ length: n }, (_, i) => `v${i}`);
  test.each<readonly [object, string]>([
    [{ "a.b": 1 }, "a field is"],
    [{ "": 1 }, "a field is"],
    [{ a: [] }, "lists no value"],
    [{ a: null }, "is none"],
    [{ a: {} }, "is none"],
    [{ a: { not: 1, exists: true } }, "is none"],
    [{ a: { like: "x%" } }, "is none"],
    [{ a: { exists: "yes" } }, "is none"],
    [{ a: { prefix: "" } }, "not empty"],
    [{ a: { prefix: 1 } }, "not empty"],
    [{ a: { gt: "1" } }, "numbers"],
    [{ a: { gt: 1, gte: 1 } }, "one lower"],
    [{ a: { gt: 5, lt: 1 } }, "no number lies"],
    [{ a: { gt: 1, lte: 1 } }, "no number lies"],
    [{ a: 1_000_000_001 }, "+-10^9"],
    [{ a: 0.000001 }, "5 decimals"],
    [{ a: Number.NaN }, "numbers within"],
    [{ a: () => true }, "allowed are"],
    [{ a: "\ud800" }, "allowed are"],
    [{ a: 1, b: 1, c: 1, d: 1, e: 1 }, "5 fields"],
    [{ a: values(13), b: values(12) }, "156 combinations"],
    [{ a: values(150).map((value) => value.padEnd(10, "x")) }, "characters"],
  ])("%o", (filter, text) => {
    expect(() => compileFilter("cart.checkedOut", filter)).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) }),
    );
  });

  test("what is just within the limits is accepted", () => {
    expect(compileFilter("x.y", { a: 1, b: 1, c: 1, d: 1 }).size).toBe(filterLimits.fieldsMax - 1);
    expect(compileFilter("x.y", { a: values(15), b: values(10) }).size).toBe(2);
    expect(compileFilter("x.y", { a: 1e9, b: -1e9, c: 0.00001 }).size).toBe(3);
  });
});

test("the fields and values of `on` are those of the event's data", () => {
  const interest = on(account.events.deposited, { amount: { gte: 100 } });
  expect(interest).toMatchObject({ entity: "account", type: "deposited" });
  expectTypeOf(interest.type).toEqualTypeOf<"deposited">();
  expectTypeOf(interest.data).toEqualTypeOf<{ amount: number } | undefined>();
  // @ts-expect-error: no such field
  expect(() => on(account.events.deposited, { total: 1 })).not.toThrow();
  // @ts-expect-error: a string where a number is compared
  expect(() => on(account.events.deposited, { amount: "1" })).not.toThrow();
  // @ts-expect-error: numbers have no prefix
  expect(() => on(account.events.deposited, { amount: { prefix: "1" } })).not.toThrow();
});
