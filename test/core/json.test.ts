import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, checkInput, jsonBytes, jsonDepthMax, normalise, parseJson } from "../../src/core/json.ts";
import { fingerprint } from "../../src/core/journal/keys.ts";

const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

describe("parseJson", () => {
  test.each([
    ["", "empty"],
    ["{", "cut off"],
    ["nope", "no JSON"],
    [nested(1_000), "too deep"],
    [nested(jsonDepthMax + 1), "one level too deep"],
    ['{"__proto__":{"x":1}}', "a __proto__ key"],
    ['{"a":{"__proto__":1}}', "a nested __proto__ key"],
    ["1e400", "past double range"],
    ['{"n":9007199254740993}', "an integer past 2^53"],
    ["-9007199254740992", "an integer of -2^53"],
    ["1e300", "an integer that no double carries exactly"],
    ['"\\ud800"', "a lone surrogate"],
    ['{"\\udfff":1}', "a lone surrogate in a key"],
  ])("refuses %j (%s) with `malformed-json`", (text) => {
    expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: "malformed-json" }));
  });

  test("accepts `constructor` and `toString` as keys, as data", () => {
    const value = parseJson('{"constructor":1,"toString":2,"hasOwnProperty":3}');
    expect(JSON.stringify(value)).toBe('{"constructor":1,"toString":2,"hasOwnProperty":3}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each([nested(jsonDepthMax), "9007199254740991", "0.1", "-0", "null", '"\\ud83d\\ude00"'])(
    "accepts %j",
    (text) => {
      expect(() => parseJson(text)).not.toThrow();
    },
  );
});

describe("normalise", () => {
  test("is what a round trip through JSON makes of a value, for all JSON values", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        if (text.includes("__proto__") || !text.isWellFormed() || /\\ud[89a-f]/.test(text)) return;
        expect(JSON.stringify(normalise(value, "it"))).toBe(text);
      }),
    );
  });

  test("drops undefined properties, turns -0 into 0, freezes all of it, and shares what it has seen", () => {
    const inner = normalise({ a: [1, { b: 2 }] }, "it");
    const outer = normalise({ inner, gone: undefined, zero: -0 }, "it") as { inner: unknown; zero: number };
    expect(outer).toStrictEqual({ inner: { a: [1, { b: 2 }] }, zero: 0 });
    expect(outer.inner).toBe(inner);
    expect(Object.is(outer.zero, 0)).toBe(true);
    expect(Object.isFrozen((inner as { a: readonly object[] }).a[1])).toBe(true);
  });

  test.each([
    [new Date(0), "a Date"],
    [new Map(), "a Map"],
    [
      {
        at: new (class Point {
          readonly x = 1;
        })(),
      },
      "at is a Point",
    ],
    [Number.NaN, "NaN"],
    [{ n: Number.POSITIVE_INFINITY }, "n is Infinity"],
    [() => 1, "a function"],
    [1n, "a bigint"],
    [[undefined], "element 0 is undefined"],
    [{ "a\ud800": 1 }, "the key"],
    [Object.freeze({ at: new Date(0) }), "a Date"],
  ])("refuses %o, saying what was found", (value, found) => {
    expect(() => normalise(value, "it")).toThrowError(
      expect.objectContaining({ code: "not-json", message: expect.stringContaining(found) }),
    );
  });

  test("takes one pass, however deep the thing lies that has to change", () => {
    let visits = 0;
    const counting = (inner: unknown) =>
      Object.defineProperty({}, "a", { enumerable: true, get: () => (visits++, inner) }) as object;
    let value: unknown = -0;
    for (let i = 0; i < jsonDepthMax; i++) value = counting(value);
    normalise(value, "it");
    expect(visits).toBe(jsonDepthMax);
  });

  test("knows the size of what it made, in bytes of JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        if (text.includes("__proto__") || /\\ud[89a-f]/.test(text)) return;
        expect(jsonBytes(normalise(value, "it"))).toBe(Buffer.byteLength(text));
      }),
    );
  });

  test("makes plain copies: nothing of the user's is frozen, no accessor, symbol or prototype survives", () => {
    const mine = { list: [1], at: Object.create(null, { x: { value: 1, enumerable: true } }) as object };
    const made = normalise(mine, "it") as { list: object; at: object };
    expect(Object.isFrozen(mine) || Object.isFrozen(mine.list)).toBe(false);
    expect(made).toStrictEqual({ list: [1], at: { x: 1 } });
  });

  test("refuses a cycle", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => normalise(cycle, "it")).toThrowError(expect.objectContaining({ code: "not-json" }));
  });
});

describe("canonicalJson", () => {
  test("equal texts if and only if equal values", () => {
    const value = fc.jsonValue().map((json) => JSON.parse(JSON.stringify(json)) as never);
    const shuffled = (json: unknown): unknown => {
      if (Array.isArray(json)) return json.map(shuffled);
      if (typeof json !== "object" || json === null) return json;
      return Object.fromEntries(
        Object.entries(json)
          .toReversed()
          .map(([key, item]) => [key, shuffled(item)]),
      );
    };
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(canonicalJson(shuffled(a) as never)).toBe(canonicalJson(a));
        const equal = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(equal);
        expect(fingerprint("c", a) === fingerprint("c", b)).toBe(equal);
      }),
    );
  });

  test("follows the example of RFC 8785", () => {
    const value = checkInput(
      JSON.parse(
        '{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],"literals":[null,true,false]}',
      ),
    );
    expect(canonicalJson(value)).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,4.5,0.002,1e-27]}');
  });

  test("the fingerprint covers the command, and tells no input from null", () => {
    expect(fingerprint("a", 1)).not.toBe(fingerprint("b", 1));
    expect(fingerprint("a", undefined)).not.toBe(fingerprint("a", null));
  });
});

/** Independent of the code under test: recursion over entries, sorted by code unit. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json).map(([key, item]) => [key, sorted(item)] as const);
  return { object: entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}
