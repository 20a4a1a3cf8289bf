import fc from "fast-check";
import { expect, test } from "vitest";
import { attributesOf, sendable, sendableJson, tagged } from "../../../src/aws/sns-sqs/attributes.ts";
import { filterLimits } from "../../../src/core/messaging/filter.ts";
import { bytesOf } from "../../../src/aws/sns-sqs/batches.ts";
import { hostile } from "../../../src/testing/conformance/bus-fixtures.ts";

/** Source: "Valid unicode characters" in the SQS API reference; without its line breaks and tabs. */
const valid = /^[\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

const text = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({ unit: fc.constantFrom("\\", "u", "0", "\u0000", "\ufffe", "a", "💥", "\n"), maxLength: 8 }),
  fc.string({ unit: "binary" }).filter((value) => value.isWellFormed()),
);

test("a text is sent in characters that SQS takes, different texts differently, and beginnings stay beginnings", () => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(sendable(one)).toMatch(valid);
      expect(tagged(one)).toBe(`s${sendable(one)}`);
      expect(sendable(one) === sendable(other)).toBe(one === other);
      expect(sendable(one).startsWith(sendable(other))).toBe(one.startsWith(other));
      expect(sendable(other + one).startsWith(sendable(other))).toBe(true);
    }),
    { numRuns: 3_000, seed: 1 },
  );
});

test("a long text is cut behind what any filter can hold, and never within a character", () => {
  expect(sendable("x".repeat(5_000))).toBe("x".repeat(1_100));
  expect(sendable(`x${"💥".repeat(5_000)}`)).toBe(`x${"💥".repeat(549)}`);
  expect(sendable("💥".repeat(5_000))).toBe("💥".repeat(550));
  expect(1_099).toBeGreaterThan(filterLimits.ruleCharsMax);
});

test("values of different types are never the same text, and none is empty", () => {
  const values = ["", "5", 5, "true", true, "n5", "s", 0, false, -0.00001, "null"];
  expect(new Set(values.map(tagged)).size).toBe(values.length);
  expect(values.map(tagged).every((value) => value.length > 0)).toBe(true);
  expect(tagged(-0)).toBe("n0");
});

test("JSON stays the same JSON", () => {
  const json = JSON.stringify({ text: hostile.join(""), "\uffff": 1 });
  expect(sendableJson(json)).not.toBe(json);
  expect(JSON.parse(sendableJson(json))).toEqual(JSON.parse(json));
});

test("an event with as many and as long fields as there can be has 10 attributes, and fits with the largest body", () => {
  const names = Array.from({ length: filterLimits.fieldsPerEventMax }, (_, i) => `${i}`.padStart(40, "f"));
  const type = `${"e".repeat(40)}.${"t".repeat(40)}`;
  const fields = new Map(names.map((name) => [name, "\uffff".repeat(2_000)]));
  const attributes = attributesOf({ type, fields }, { shape: "s".repeat(16), numeric: new Set() });
  // Past that SNS discards the message where delivery is raw.
  expect(Object.keys(attributes).length).toBe(10);
  expect(bytesOf("x".repeat(160 * 1_024), attributes)).toBeLessThan(256 * 1_024);
});

test("a number is written as a number where a range compares it, without an exponent", () => {
  const written = (value: number) =>
    attributesOf({ type: "a.b", fields: new Map([["n", value]]) }, { shape: "x", numeric: new Set(["n"]) })["data-n"];
  for (const value of [0, -0, 0.00001, -0.00001, 1e9, -1e9, 999_999_999.99999]) {
    expect(written(value)?.DataType).toBe("Number");
    expect(written(value)?.StringValue).toMatch(/^-?\d+(?:\.\d{1,5})?$/);
    expect(Number(written(value)?.StringValue)).toBe(value === 0 ? 0 : value);
  }
});
