import { describe, expect, test } from "vitest";
import {
  codedKey,
  keyOf,
  partitionOf,
  plainBeginning,
  rowKeys,
  streamOf,
  textOf,
} from "../../../src/azure/tables/names.ts";
import { oddIds } from "../../../src/testing/conformance/journal-names.ts";

/** Every byte of UTF-8 that a text may begin, go on or end with, and what a key may not hold. */
const texts: readonly string[] = [
  ...oddIds,
  ...Array.from({ length: 0x300 }, (_, code) => String.fromCodePoint(code)),
  ...Array.from({ length: 0x100 }, (_, code) => `a${String.fromCodePoint(code)}`),
  ...Array.from({ length: 9 }, (_, n) => "\u0000".repeat(n + 1)),
  ...Array.from({ length: 9 }, (_, n) => "\u07ff".repeat(n + 1)),
];
const different = [...new Set(texts)];

/** Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
// oxlint-disable-next-line no-control-regex
const forbidden = /[/\\#?\u0000-\u001f\u007f-\u009f]/;

const byCode = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

describe("keys", () => {
  test("hold what a key may hold, whatever the text, and lead back to it", () => {
    for (const text of different) {
      const key = keyOf(text);
      expect(key).not.toMatch(forbidden);
      expect(textOf(key)).toBe(text);
      expect(textOf(codedKey(text))).toBe(text);
    }
    expect(new Set(different.map(keyOf)).size).toBe(different.length);
  });

  test("of plain texts are the texts themselves", () => {
    for (const text of ["u1", "A-b_c.d:e@f", "5fea7756-0ea4-451a-a703-a558b933e274"]) expect(keyOf(text)).toBe(text);
    expect(keyOf("ü")).toBe("~kvk");
  });

  test("sort as the UTF-8 of their texts, those of plain texts, and those in base64", () => {
    const byBytes = different.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(byBytes.map(codedKey)).toEqual(different.map(codedKey).toSorted(byCode));
    const plain = byBytes.filter((text) => keyOf(text) === text);
    expect(plain).toEqual(plain.toSorted(byCode));
    expect(plain.length).toBeGreaterThan(60);
  });

  test("never lie behind a text that they are the beginning of", () => {
    for (const text of different) {
      const beginning = plainBeginning(text);
      expect(text.startsWith(beginning)).toBe(true);
      for (const other of different) {
        const isBehind = keyOf(other) === other && Buffer.compare(Buffer.from(other), Buffer.from(text)) > 0;
        if (isBehind && byCode(other, beginning) < 0)
          expect.fail(`${other} is behind ${text}, and before ${beginning}`);
      }
    }
  });

  test("of the longest stream fit into a key, also behind what the places of a subscription put before it", () => {
    const longest = { tenant: "t".repeat(64), entity: "e".repeat(40), id: "ü".repeat(128) };
    expect(partitionOf(longest)).toHaveLength(449);
    expect(`$places.${partitionOf(longest)}`.length).toBeLessThanOrEqual(512);
  });

  test("of streams lead back to them, and those of nothing else do", () => {
    for (const id of different) {
      const stream = { tenant: "a-1", entity: "b-2", id };
      expect(streamOf(partitionOf(stream))).toEqual(stream);
    }
    for (const partition of ["$dead", "$places", "$failures.sends", "$places.default.cart.c1", "a", "a.b", "a.b."]) {
      expect(streamOf(partition)).toBeUndefined();
    }
  });

  test("of rows are in the order in which a load reads them", () => {
    const max = Number.MAX_SAFE_INTEGER;
    const order = [
      rowKeys.page(9, 0),
      rowKeys.page(10, 0),
      rowKeys.page(10, 1),
      rowKeys.page(max, 999),
      rowKeys.part("0123456789abcdefghij", 0),
      rowKeys.snapshot,
      rowKeys.published,
      rowKeys.newest,
      rowKeys.record(max),
      rowKeys.record(10),
      rowKeys.record(9),
      rowKeys.record(1),
      rowKeys.end(rowKeys.newest),
    ];
    expect(order.toSorted(byCode)).toEqual(order);
  });
});
