import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { compileFilter, filterLimits, isFilterable, matches, on } from "../../../src/core/messaging/filter.ts";
import { account } from "../fixtures.ts";
import { runs } from "../fuzz.ts";
import { isAllowed, passes } from "./naive-filter.ts";

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

/** Conditions of every kind, right and wrong, in every combination. */
const operator = fc.constantFrom(
  "not",
  "prefix",
  "exists",
  "gt",
  "gte",
  "lt",
  "lte",
  "like",
  "__proto__",
  "constructor",
);
const operand = fc.oneof(
  number,
  hostile,
  fc.boolean(),
  fc.array(fc.oneof(hostile, number), { maxLength: 3 }),
  fc.constantFrom(null, undefined, Number.NaN, Number.POSITIVE_INFINITY, "\ud800", 1n),
);
const nonsense = fc.anything({
  maxDepth: 2,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});
const cyclic: unknown[] = [];
cyclic.push([cyclic]);
const declared = fc.oneof(
  { weight: 4, arbitrary: condition },
  { weight: 4, arbitrary: fc.dictionary(operator, operand, { maxKeys: 2 }) },
  { weight: 2, arbitrary: operand },
  { weight: 1, arbitrary: nonsense },
  { weight: 1, arbitrary: fc.constantFrom(cyclic, Symbol("s"), () => true, { not: cyclic }, [[1]], [{ not: 1 }]) },
);
const anyField = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("a", "b", "c", "D_4", "constructor", "toString", "hasOwnProperty") },
  fc.constantFrom("", "1", "_a", "a.b", "a-b", "__proto__", "\u00e4", "a b", "x".repeat(40), "x".repeat(41)),
);
const anyWhere = fc.oneof(
  { weight: 20, arbitrary: fc.dictionary(anyField, declared, { maxKeys: 5 }) },
  { weight: 1, arbitrary: nonsense.filter((value) => value !== undefined) },
);
const anyData = fc.oneof(
  { weight: 9, arbitrary: fc.dictionary(anyField, value, { maxKeys: 5 }) },
  { weight: 1, arbitrary: nonsense },
  { weight: 1, arbitrary: fc.constant(Object.create({ a: "AT", b: 1, c: true }) as object) },
);

describe("the matcher", () => {
  test("agrees with a naive evaluation on generated filters and events", () => {
    let matched = 0;
    fc.assert(
      fc.property(where, data, (filter, event) => {
        const expected = passes(filter, event);
        if (expected) matched++;
        expect(matches(compileFilter("x.y", filter), event)).toBe(expected);
      }),
      runs(5_000),
    );
    expect(matched).toBeGreaterThan(200);
  });

  test("takes any filter that the guide allows as the guide means it, and refuses every other at its declaration", () => {
    const event = { entity: "x", type: "y" } as never;
    const seen = { refused: 0, matched: 0, failed: 0 };
    fc.assert(
      fc.property(anyWhere, fc.array(anyData, { minLength: 1, maxLength: 5 }), (where, events) => {
        if (!isAllowed(where)) {
          seen.refused++;
          const refusal = expect.objectContaining({ code: "invalid-declaration" });
          expect(() => on(event, where as never)).toThrowError(refusal);
          return;
        }
        // How long a rule may be has its own tests.
        if (JSON.stringify(where).length > 250) return;
        const filter = on(event, where as never).where;
        for (const data of events) {
          const expected = passes(where as Readonly<Record<string, unknown>>, data);
          seen[expected ? "matched" : "failed"]++;
          expect(matches(filter, data)).toBe(expected);
        }
      }),
      {
        ...runs(4_000),
        examples: [
          [{ a: 1n }, [{}]],
          [{ a: [cyclic] }, [{}]],
          [new Map([["a", 1]]), [{}]],
        ],
      },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(300);
  });

  test("agrees with the guide at and around the bounds of what it compares", () => {
    const near = fc.constantFrom(1e9, -1e9, 1e9 - 1e-5, 0, 0.00001, -0.00001, 123_456.78901);
    const step = fc.constantFrom(0, 0.00001, -0.00001, 0.000001, -0.000001, 1, -1, Number.EPSILON);
    const sum = fc.tuple(near, step).map(([a, b]) => a + b);
    fc.assert(
      fc.property(fc.constantFrom("gt", "gte", "lt", "lte", "not", "is"), sum, sum, (kind, bound, a) => {
        const where = { a: kind === "is" ? bound : { [kind]: bound } };
        if (!isAllowed(where)) expect(() => compileFilter("x.y", where)).toThrowError("5 decimals");
        else expect(matches(compileFilter("x.y", where), { a })).toBe(passes(where, { a }));
      }),
      runs(2_000),
    );
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
