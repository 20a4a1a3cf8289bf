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

describe("a number that is sent", () => {
  test.each([
    "1.10",
    "1e2",
    "1E+2",
    "-0",
    "-0.0e5",
    "0e999999",
    "0.30000000000000004",
    "0.1000000000000000000000000000000000000000",
    "100000000000000000000e-20",
    "5e-324",
    "9007199254740991",
    "-9007199254740991.000",
    "123456789.1234567",
  ])("passes as %s: its digits are those of its double", (literal) => {
    expect(parseJson(`{"n":[${literal}, true]}`)).toEqual({ n: [Number(literal) + 0, true] });
  });

  test.each([
    ["1e400", "would become Infinity"],
    ["-1e400", "would become -Infinity"],
    ["1e-400", "would become 0"],
    ["4.9e-324", "would become 5e-324"],
    ["1.00000000000000000001", "would become 1"],
    ["0.1000000000000000055511151231257827", "would become 0.1"],
    ["9007199254740993", "would become 9007199254740992"],
    ["-9007199254740993", "would become -9007199254740992"],
    ["12345678901234568901e-9", "would become 12345678901.23457"],
    ["9007199254740992", "is past 2^53 - 1"],
    ["1e300", "is past 2^53 - 1"],
  ])("is refused as %s, and the message has the text that was sent", (literal, reason) => {
    const error = expect.objectContaining({
      code: "malformed-json",
      message: `The number ${literal} ${reason}: it cannot be carried exactly; send it as a string.`,
    });
    for (const text of [literal, ` ${literal}`, `[${literal}]`, `{"a\\"":[1,${literal} ]}`]) {
      expect(() => parseJson(text)).toThrowError(error);
    }
  });

  test("is named by its first 40 characters", () => {
    expect(() => parseJson(`[1.${"0".repeat(100_000)}1]`)).toThrowError(
      `The number 1.${"0".repeat(37)}… would become 1:`,
    );
  });

  test("is not looked for in strings and keys", () => {
    const value = { "1e400": "1e400", a: ', 1e400 "9007199254740993', b: "\\", 'c\\"': ':1e-400 \\"' };
    expect(parseJson(JSON.stringify(value, null, 1))).toEqual(value);
    expect(() => parseJson('{"b\\\\":1e400}')).toThrowError("The number 1e400");
  });

  test("passes whatever double JSON.stringify has written, in whatever JSON", () => {
    const double = fc.double({ noNaN: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        double,
        fc.string(),
        fc.array(tie("tree")),
        fc.dictionary(fc.string(), tie("tree")),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        if (text.includes("__proto__")) return;
        expect(JSON.stringify(parseJson(text), null, indent)).toBe(text);
      }),
    );
  });

  test("passes if and only if exact arithmetic finds the digits of its double", () => {
    const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,20})$/);
    const fraction = fc.stringMatching(/^(\.[0-9]{1,20})?$/);
    const exponent = fc.oneof(
      fc.constant(""),
      fc.integer({ min: -30, max: 10 }).map((n) => `e${n}`),
    );
    fc.assert(
      fc.property(digits, fraction, exponent, (...parts) => {
        const literal = parts.join("");
        const value = Number(literal);
        const exact = value <= Number.MAX_SAFE_INTEGER && scaled(literal) === scaled(String(value));
        if (exact) expect(parseJson(literal)).toBe(value);
        else expect(() => parseJson(literal)).toThrowError("cannot be carried exactly");
      }),
      { numRuns: 1_000 },
    );
  });

  /** The decimal times 10^400, as an integer. */
  function scaled(literal: string): bigint {
    const [mantissa = "", exponent = "0"] = literal.split("e");
    const [whole = "", fraction = ""] = mantissa.split(".");
    return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
  }

  test("costs time in proportion to its length: a megabyte of zeros, quotes or backslashes is no attack", () => {
    const size = 1_000_000;
    expect(() => parseJson(`1.${"0".repeat(size)}1`)).toThrowError("would become 1:");
    expect(parseJson(`1.${"0".repeat(size)}`)).toBe(1);
    expect(parseJson(JSON.stringify("\\".repeat(size)))).toHaveLength(size);
    expect(parseJson(JSON.stringify('"'.repeat(size)))).toHaveLength(size);
  });
});

describe("what is refused is named by its place, a JSON pointer", () => {
  test.each([
    ['{"a":{"__proto__":1}}', 'The input at /a has the key "__proto__", which is refused.'],
    ['{"__proto__":1}', 'The input has the key "__proto__", which is refused.'],
    ['[{"a/b~":[0,"\\ud800"]}]', "The input at /0/a~1b~0/1 is a string with a lone surrogate."],
    ['{"a":[{"\\udfff":1}]}', "The input at /a/0 has a key with a lone surrogate."],
    [nested(jsonDepthMax + 1), "The input is nested deeper than 64 levels."],
    [`{"${"k".repeat(500)}":"\\ud800"}`, `The input at /${"k".repeat(198)}… is a string with a lone surrogate.`],
  ])("in what is sent: %s", (text, message) => {
    expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: "malformed-json", message }));
  });

  test("in what is passed in process", () => {
    const passed = { items: [{ price: 1 }, { sku: "A", price: 2 ** 53 }] };
    expect(() => checkInput(passed)).toThrowError("The number 9007199254740992 at /items/1/price of the input");
    expect(() => checkInput({ items: [1, { at: new Date(0) }] })).toThrowError(
      "The input at /items/1/at is a Date, which JSON does not carry.",
    );
    expect(() => normalise({ a: { b: [1, undefined] } }, "the reply")).toThrowError(
      "the reply at /a/b/1 is undefined, which JSON does not carry",
    );
  });
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
      "it at /at is a Point",
    ],
    [Number.NaN, "NaN"],
    [{ n: Number.POSITIVE_INFINITY }, "it at /n is Infinity"],
    [() => 1, "a function"],
    [1n, "a bigint"],
    [[undefined], "it at /0 is undefined"],
    [{ "a\ud800": 1 }, "a key with a lone surrogate"],
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
