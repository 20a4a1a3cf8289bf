import fc from "fast-check";
import { expect, test } from "vitest";
import { parseKey } from "../../src/core/journal/keys.ts";
import { parseKeyHeader } from "../../src/http/headers.ts";
import { hostileText, runs } from "../core/fuzz.ts";

const refusal = expect.objectContaining({ code: "invalid-idempotency-key", retry: "never" });
const printable = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 30 });

/** A string of RFC 8941, section 3.3.3. */
const quoted = (key: string): string => `"${key.replaceAll(/["\\]/g, "\\$&")}"`;

/** As the server would: the header's rules, then those of every key. */
const read = (header: string): string => parseKey(parseKeyHeader(header), "foreign", 0).hash;

test("any printable key comes back from its quoted form, and from the bare one where that can be told", () => {
  fc.assert(
    fc.property(printable, (key) => {
      expect(parseKeyHeader(quoted(key))).toBe(key);
      if (key.includes(",") && !key.startsWith('"')) expect(() => parseKeyHeader(key)).toThrowError(refusal);
      else if (!key.startsWith('"')) expect(parseKeyHeader(key)).toBe(key);
    }),
    { ...runs(1_000), examples: [['"'], ["\\"], ['a", "b'], [","]] },
  );
});

test("two headers that a host has joined into one are never taken for a key", () => {
  const one = fc.oneof(printable, printable.map(quoted));
  fc.assert(
    fc.property(fc.array(one, { minLength: 2, maxLength: 3 }), fc.constantFrom(", ", ","), (list, comma) => {
      // A single key may well hold what looks like two, but only between its own quotes.
      const joined = list.join(comma);
      const isOneString = /^"(?:[^"\\]|\\["\\])*"$/.test(joined);
      if (!isOneString) expect(() => parseKeyHeader(joined)).toThrowError(refusal);
    }),
    {
      ...runs(1_000),
      examples: [
        [["a", "a"], ", "],
        [['"a"', '"a"'], ", "],
        [['"a"', "b"], ","],
        [["a", '"b"'], ","],
      ],
    },
  );
});

test("whatever is in the header is a key or `invalid-idempotency-key`, and two different keys never meet", () => {
  const header = fc.oneof(
    hostileText,
    printable,
    printable.map(quoted),
    fc.tuple(printable, hostileText).map((p) => p.join('"')),
  );
  const hashes = new Map<string, string>();
  fc.assert(
    fc.property(header, (text) => {
      try {
        const hash = read(text);
        const key = parseKeyHeader(text);
        expect(hashes.get(hash) ?? key).toBe(key);
        hashes.set(hash, key);
      } catch (error) {
        expect(error).toEqual(refusal);
      }
    }),
    runs(2_000),
  );
  expect(hashes.size).toBeGreaterThan(500);
});
