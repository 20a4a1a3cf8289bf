import fc from "fast-check";
import { expect, test } from "vitest";
import { compileSql, quoteSql, quoteSqlName } from "../../packages/service-bus-emulator/index.ts";
import { like } from "../../packages/service-bus-emulator/sql/like.ts";
import type { Truth } from "../../packages/service-bus-emulator/sql/logic.ts";
import type { Content } from "../../packages/service-bus-emulator/store/message.ts";

function evaluate(filter: string, properties: Readonly<Record<string, unknown>>): Truth {
  const content: Content = { messageId: "m", properties, sizeBytes: 0, carrier: undefined };
  return compileSql(filter)(content);
}

// Quotes, wildcards, brackets, comment signs, words of the language, and anything at all.
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "'",
        "''",
        '"',
        "]",
        "[",
        "%",
        "_",
        "\\",
        "--",
        ";",
        "\n",
        "\0",
        " OR ",
        "1=1",
        "NULL",
        "é",
        "💥",
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join("")),
);

test("any text is itself again between quotes, and nothing behind it is read as the filter", () => {
  fc.assert(
    fc.property(hostile, hostile, (value, other) => {
      expect(evaluate(`x = ${quoteSql(value)}`, { x: value })).toBe(true);
      expect(evaluate(`x = ${quoteSql(value)} AND x IN (${quoteSql(other)}, ${quoteSql(value)})`, { x: value })).toBe(
        true,
      );
      expect(evaluate(`x = ${quoteSql(value)}`, { x: other })).toBe(value === other);
    }),
  );
});

test("any name is itself again between brackets", () => {
  fc.assert(
    fc.property(
      hostile.filter((name) => name !== "" && name !== "__proto__"),
      (name) => {
        expect(evaluate(`${quoteSqlName(name)} = 1 AND EXISTS(user.${quoteSqlName(name)})`, { [name]: 1 })).toBe(true);
      },
    ),
  );
});

test("an escaped pattern matches its text and no other", () => {
  const escaped = (text: string): string => text.replaceAll(/[!%_]/gu, "!$&");
  fc.assert(
    fc.property(hostile, hostile, (text, other) => {
      expect(like(text, escaped(text), "!")).toBe(true);
      expect(like(other, escaped(text), "!")).toBe(text === other);
      expect(like(`${other}${text}${other}`, `%${escaped(text)}%`, "!")).toBe(true);
    }),
  );
});

test("LIKE says what the regular expression of the pattern says", () => {
  const short = fc.string({ unit: fc.constantFrom("a", "b", "%", "_", "!"), maxLength: 8 });
  fc.assert(
    fc.property(short, short, (text, pattern) => {
      const source = pattern.replaceAll("%", ".*").replaceAll("_", ".");
      expect(like(text, pattern)).toBe(new RegExp(`^${source}$`, "su").test(text));
    }),
    { numRuns: 2_000 },
  );
});

type Tree = { readonly text: string; readonly truth: Truth };

/** Filters with the truth that they have by definition, worked out another way: unknown is a half. */
const tree = fc.letrec<{ tree: Tree; leaf: Tree; both: Tree; not: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 6 }, tie("leaf"), tie("both"), tie("not")),
  leaf: fc.constantFrom<Tree>(
    { text: "1=1", truth: true },
    { text: "1=0", truth: false },
    { text: "missing = 1", truth: undefined },
  ),
  not: tie("tree").map(({ text, truth }) => ({ text: `NOT (${text})`, truth: truthOf(1 - numberOf(truth)) })),
  both: fc.tuple(tie("tree"), fc.boolean(), tie("tree")).map(([left, isAnd, right]) => ({
    text: `(${left.text}) ${isAnd ? "AND" : "OR"} (${right.text})`,
    truth: truthOf(Math[isAnd ? "min" : "max"](numberOf(left.truth), numberOf(right.truth))),
  })),
})).tree;

function numberOf(truth: Truth): number {
  return truth === undefined ? 0.5 : Number(truth);
}

function truthOf(value: number): Truth {
  return value === 0.5 ? undefined : value === 1;
}

test("conditions combine as minimum, maximum and complement do where unknown is a half", () => {
  fc.assert(
    fc.property(
      tree.filter(({ text }) => text.length <= 1_024),
      ({ text, truth }) => {
        expect(evaluate(text, {})).toBe(truth);
      },
    ),
  );
});

test("any text is a filter or is refused with its condition; nothing else happens", () => {
  const words = fc.constantFrom(
    "a",
    "sys.",
    "user.",
    "AND",
    "OR",
    "NOT",
    "IN",
    "(",
    ")",
    ",",
    "LIKE",
    "ESCAPE",
    "IS",
    "NULL",
    "EXISTS",
    "'x'",
    "1",
    "=",
    "<",
    "-",
    "+",
    "*",
    "[a b]",
    "TRUE",
  );
  const texts = fc.oneof(
    hostile,
    fc.array(words, { maxLength: 20 }).map((parts) => parts.join(" ")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        expect([true, false, undefined]).toContain(evaluate(text, { a: 1 }));
      } catch (error) {
        expect(error).toMatchObject({ condition: "com.microsoft:argument-error" });
      }
    }),
    { numRuns: 2_000 },
  );
});
