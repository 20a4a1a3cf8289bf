import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJson } from "../../src/core/json-text.ts";
import { canonicalJson, checkInput, jsonDepthMax, normalise, parseJson, type JsonValue } from "../../src/core/json.ts";
import { fingerprint } from "../../src/core/journal/keys.ts";
import { json, runs, scalar, type Json } from "./fuzz.ts";

type Members = { readonly [key: string]: Json };
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const isMembers = (value: Json): value is Members => typeof value === "object" && value !== null && !isList(value);

/** Whether two are the same JSON value: written without a look at the code under test. */
function same(a: Json, b: Json): boolean {
  if (isList(a) || isList(b)) {
    return isList(a) && isList(b) && a.length === b.length && a.every((item, i) => same(item, b[i] as Json));
  }
  if (!isMembers(a) || !isMembers(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(a[key] as Json, b[key] as Json))
  );
}

/** What a writer may choose: order of members, white space, escapes, the form of numbers. */
interface Style {
  readonly turn: number;
  readonly space: string;
  readonly escape: "none" | "lower" | "upper";
  readonly number: "shortest" | "exponent" | "fraction";
}

const style: fc.Arbitrary<Style> = fc.record({
  turn: fc.nat(5),
  space: fc.constantFrom("", " ", "\n", "\t \r\n"),
  escape: fc.constantFrom("none", "lower", "upper"),
  number: fc.constantFrom("shortest", "exponent", "fraction"),
});

function written(value: Json, style: Style): string {
  const { turn, space, escape, number } = style;
  if (typeof value === "string") {
    if (escape === "none") return JSON.stringify(value);
    const units = Array.from({ length: value.length }, (_, i) => value.charCodeAt(i).toString(16).padStart(4, "0"));
    return `"${units.map((hex) => `\\u${escape === "upper" ? hex.toUpperCase() : hex}`).join("")}"`;
  }
  if (typeof value === "number") {
    const text = String(value);
    if (number === "exponent") return text.includes("e") ? text.replace("e", "E") : `${text}e0`;
    return number === "fraction" && /^-?\d+$/.test(text) ? `${text}.000` : text;
  }
  if (isList(value)) return `[${space}${value.map((item) => written(item, style)).join(`${space},${space}`)}${space}]`;
  if (!isMembers(value)) return String(value);
  const members = Object.entries(value).map(
    ([key, item]) => `${written(key, style)}${space}:${space}${written(item, style)}`,
  );
  const at = members.length === 0 ? 0 : turn % members.length;
  return `{${space}${[...members.slice(at), ...members.slice(0, at)].join(`${space},${space}`)}${space}}`;
}

/** One part of a value, replaced by what is nearly the same. */
function nearMiss(value: Json, path: readonly number[], kind: number): Json {
  const [at, ...rest] = path;
  const inner = isList(value) ? value : isMembers(value) ? Object.values(value) : [];
  if (at !== undefined && inner.length > 0) {
    const chosen = at % inner.length;
    const change = (item: Json, i: number): Json => (i === chosen ? nearMiss(item, rest, kind) : item);
    if (isList(value)) return value.map(change);
    return Object.fromEntries(Object.entries(value as Members).map(([key, item], i) => [key, change(item, i)]));
  }
  const misses: readonly Json[] = [
    [value],
    { a: value },
    JSON.stringify(value),
    value === null ? false : null,
    isList(value) ? { ...value } : isMembers(value) ? Object.entries(value).flat() : [value, value],
    isMembers(value)
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [canonicalJson(item), key]))
      : { [canonicalJson(value)]: value },
    typeof value === "string" ? `${value}\0` : typeof value === "number" ? String(value) : "",
    typeof value === "string" ? value.normalize(value.normalize("NFC") === value ? "NFD" : "NFC") : 0,
    isList(value) ? value.toReversed() : isMembers(value) ? { ...value, "": null } : true,
  ];
  return misses[kind % misses.length] as Json;
}

const other = fc.tuple(fc.array(fc.nat(9), { maxLength: 3 }), fc.nat(8));

describe("a fingerprint", () => {
  test("is the same however the value is written", () => {
    fc.assert(
      fc.property(json, style, style, (value, one, two) => {
        const [a, b] = [written(value, one), written(value, two)].map((text) => fingerprint("c", parseJson(text)));
        expect(a).toBe(b);
        expect(a).toBe(fingerprint("c", checkInput(value)));
      }),
      runs(1_500),
    );
  });

  test("is equal if and only if the values are, for pairs that are nearly so", () => {
    let differing = 0;
    fc.assert(
      fc.property(json, other, (a, [path, kind]) => {
        const b = nearMiss(a, path, kind);
        const equal = same(a, b);
        if (!equal) differing++;
        expect(fingerprint("c", checkInput(a)) === fingerprint("c", checkInput(b))).toBe(equal);
        expect(canonicalJson(checkInput(a)) === canonicalJson(checkInput(b))).toBe(equal);
      }),
      {
        ...runs(3_000),
        examples: [
          ["\u00e9", [[], 7]],
          [["1"], [[0], 6]],
          [{ a: "b" }, [[], 5]],
        ],
      },
    );
    expect(differing).toBeGreaterThan(1_000);
  });

  test.each<readonly [Json, Json]>([
    [1, "1"],
    [
      { a: 1, b: 2 },
      { a: 2, b: 1 },
    ],
    [{ a: [1] }, { a: { 0: 1 } }],
    [{ a: { b: 1 } }, { "a.b": 1 }],
    [{ a: null }, {}],
    [
      [1, 2],
      [2, 1],
    ],
    [[[1], 2], [[1, 2]]],
    ["\u00e9", "e\u0301"],
    ["\u212b", "\u00c5"],
    [{ "\u00e9": 1 }, { "e\u0301": 1 }],
    [{ '","a":"': 1 }, { "": 1, a: "" }],
    [0.1, 0.10000000000000002],
    [5e-324, 0],
    ["", null],
    [true, "true"],
  ])("tells %j from %j", (a, b) => {
    expect(fingerprint("c", checkInput(a))).not.toBe(fingerprint("c", checkInput(b)));
  });

  test.each([
    ["1.0", "1"],
    ["-0", "0"],
    ["-0.0e3", "0"],
    ["10e-1", "1"],
    ['"\\u0041\\/"', '"A/"'],
    ['"\\ud83d\\ude00"', '"\u{1f600}"'],
    ['{"b":1,"a":2}', ' { "a" : 2,\n"b" : 1 } '],
    ['{"\\u0061":1}', '{"a":1}'],
    // Of members with the same name the last one counts, as for every schema that reads it afterwards.
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"a":{"x":1},"\\u0061":[]}', '{"a":[]}'],
  ])("does not tell %s from %s", (a, b) => {
    expect(fingerprint("c", parseJson(a))).toBe(fingerprint("c", parseJson(b)));
  });

  test.each(['{"a":1e400,"a":1}', '{"a":9007199254740993,"a":1}', '{"__proto__":1,"a":1}'])(
    "is not made of %s, where a member that counts for nothing could not be carried",
    (text) => {
      expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: "malformed-json" }));
    },
  );

  test("belongs to its command, and no input is another input than any", () => {
    const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,8}$/);
    const input = fc.option(json, { nil: undefined });
    fc.assert(
      fc.property(name, input, name, input, (a, one, b, two) => {
        const [first, second] = [one, two].map((value) => (value === undefined ? undefined : checkInput(value)));
        const isOne = one === undefined ? two === undefined : two !== undefined && same(one, two);
        expect(fingerprint(a, first) === fingerprint(b, second)).toBe(a === b && isOne);
      }),
      runs(1_000),
    );
  });
});

describe("names that are written with escapes", () => {
  const name = fc.constantFrom("\\", "\n", "\r", '"', "\0", "/", "A", "a\n", "\\n", "\\u0041", "", "__proto_");
  const member = fc.tuple(
    name,
    fc.oneof(scalar, fc.constantFrom<Json>([], {}, { "\n": ["{", "}", ":"] }, [{ '"': {} }])),
  );
  const object = fc.array(member, { maxLength: 3 }).map((members): Json => Object.fromEntries(members));

  test("are read as they were meant, whatever has been read before", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(object, style), { minLength: 1, maxLength: 6 }), (texts) => {
        for (const [value, style] of texts) {
          const read = parseJson(written(value, style));
          expect(same(read as Json, value)).toBe(true);
          // Without JSON.parse.
          expect(canonicalJson(read)).toBe(canonicalJson(checkInput(value)));
        }
      }),
      runs(1_000),
    );
  });

  test("do not become a backslash because somebody has sent one", () => {
    parseJson('{"a":1,"\\\\":2}');
    expect(parseJson('{"a":1,"\\n":2}')).toEqual({ a: 1, "\n": 2 });
    expect(parseJson('{"a":1,"\\"":2,"\\"":3}')).toEqual({ a: 1, '"': 3 });
    expect(parseJson(' { "a" : [ ] , "\\u0041" : { } , "b" : [ { } , [ ] ] } ')).toEqual({ a: [], A: {}, b: [{}, []] });
  });

  test("are refused for their depth and for a `__proto__` as others are", () => {
    for (const text of [`${'{"\\n":['.repeat(20_000)}${"]}".repeat(20_000)}`, '{"__prot\\u006f__":{"x":1}}']) {
      expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: "malformed-json" }));
    }
  });
});

describe("canonical JSON", () => {
  test("is read as the value that it was made of, and made of that again as the same text", () => {
    fc.assert(
      fc.property(json, style, (value, style) => {
        const canonical = canonicalJson(parseJson(written(value, style)));
        expect(canonicalJson(parseJson(canonical))).toBe(canonical);
        expect(same(readJson(canonical) as Json, value)).toBe(true);
        // RFC 8785: no white space outside strings, and members in the order of their UTF-16 code units.
        expect(canonical.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')).not.toMatch(/\s/);
      }),
      runs(1_500),
    );
  });

  test("sorts members by UTF-16 code units at every level", () => {
    // Source: RFC 8785, section 3.2.3.
    const text = '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}';
    expect(canonicalJson(parseJson(text))).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
    );
  });
});

describe("what strangers send", () => {
  const alphabet = fc.constantFrom(...'{}[]:,"\\/u0123456789abcdefDE+-. tnrulse\n\0\ud800\ue000');
  const text = fc.oneof(
    fc.string({ unit: alphabet, maxLength: 30 }),
    fc.string({ unit: "binary", maxLength: 20 }),
    fc
      .tuple(json, style, fc.nat(60), fc.nat(2), fc.oneof(fc.constant(""), alphabet))
      .map(([value, style, at, cut, char]) => {
        const whole = written(value, style);
        return whole.slice(0, at) + char + whole.slice(at + cut);
      }),
  );

  test("is a value that comes back as it was, or `malformed-json`", () => {
    let read = 0;
    fc.assert(
      fc.property(text, (text) => {
        let value: JsonValue;
        try {
          value = parseJson(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "malformed-json", retry: "never" });
          return;
        }
        read++;
        const canonical = canonicalJson(value);
        expect(canonical.isWellFormed()).toBe(true);
        expect(parseJson(canonical)).toEqual(value);
        expect(checkInput(readJson(canonical))).toEqual(value);
      }),
      {
        ...runs(4_000),
        examples: [
          ['{"__proto__":1}'],
          ["[".repeat(1e5)],
          ['{"a":'.repeat(1e4)],
          ['"\\ud800"'],
          ["1e400"],
          ["\ufeff1"],
        ],
      },
    );
    expect(read).toBeGreaterThan(300);
  });
});

describe("levels", () => {
  const nest = (value: unknown, levels: number, asList: boolean): unknown => {
    let nested = value;
    for (let i = 0; i < levels; i++) nested = asList ? [nested] : { a: nested };
    return nested;
  };

  test("count the same whether a part was normalised before or not, so that what is stored can be read again", () => {
    const levels = fc.nat(jsonDepthMax + 2);
    fc.assert(
      fc.property(scalar, levels, levels, fc.boolean(), fc.boolean(), (leaf, inner, outer, a, b) => {
        const whole = () => normalise(nest(nest(leaf, inner, a), outer, b), "it");
        const inSteps = () => normalise([1, nest(normalise(nest(leaf, inner, a), "it"), outer, b), [2]], "it");
        if (inner + outer > jsonDepthMax) expect(whole).toThrowError("64 levels");
        else expect(whole()).toEqual(nest(nest(leaf, inner, a), outer, b));
        if (inner + outer + 1 > jsonDepthMax) expect(inSteps).toThrowError("64 levels");
        else expect(JSON.stringify(inSteps())).toBe(JSON.stringify([1, nest(nest(leaf, inner, a), outer, b), [2]]));
      }),
      {
        ...runs(500),
        examples: [
          ["x", jsonDepthMax, 1, true, false],
          [1, 1, jsonDepthMax - 2, false, false],
        ],
      },
    );
  });
});
