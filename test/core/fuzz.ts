import fc, { type Arbitrary, type Parameters } from "fast-check";

const isVerifying = Boolean(process.env["HOLDFAST_VERIFY"]);

/**
 * How often a property is tried: so many times with the same values in every run; ten times that with new ones, for 20 s
 * at most, where the whole project is verified. A failure prints its seed.
 */
export function runs(count: number): Parameters<unknown> {
  return isVerifying ? { numRuns: count * 10, interruptAfterTimeLimit: 20_000 } : { numRuns: count, seed: 1 };
}

/** Where in a whole, from 0 to below 1, each place as likely: most of what fc.double makes is next to nothing. */
export const part: Arbitrary<number> = fc.nat({ max: 999_999 }).map((n) => n / 1_000_000);

/** Strings that quoting, encodings, separators and prototypes stumble over; lone surrogates are not among them. */
export const hostileText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...[
      "'\"\\%_/:.-,;=*?#&|~^$@!<>[](){} \t\n\r\0".split(""),
      ["", "''", '\\"', "a'b", "null", "true", "1", "1.0", "-0", "1e3", "NaN", "undefined", "[]", "{}"],
      ["__proto__", "constructor", "toString", "hasOwnProperty", "toJSON", "then", "length"],
      [
        "\u00e9",
        "e\u0301",
        "\u212b",
        "\u00c5",
        "\u{1f600}",
        "\ufeff",
        "\u2028",
        "\u0000",
        "\u007f",
        "\ufffe",
        "\u200d",
      ],
      ["hf1.1.x", "hf1.1767225600000.k", "hd1.x", "derived\0k", "foreign\0k", "$erase"],
    ].flat(),
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed()),
);

const safe: Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    0.1,
    0.30000000000000004,
    5e-324,
    1e-7,
    1e20 / 1e5,
    2 ** 53 - 1,
    1 - 2 ** 53,
    1e15,
    123e-20,
  ),
  fc.integer(),
  fc
    .double({ noNaN: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
    // There is no -0 in what is stored.
    .map((number) => number + 0),
);

export const scalar: Arbitrary<string | number | boolean | null> = fc.oneof(
  hostileText,
  safe,
  fc.boolean(),
  fc.constant(null),
);

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const key = hostileText.filter((text) => text !== "__proto__");

/** JSON values that can be sent and stored. */
export const json: Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
