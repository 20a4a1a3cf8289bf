import { expect, test } from "vitest";
import { compileSql } from "../../packages/service-bus-emulator/index.ts";
import { and, not, or, type Truth } from "../../packages/service-bus-emulator/sql/logic.ts";
import type { Content } from "../../packages/service-bus-emulator/store/message.ts";

const message: Content = {
  messageId: "m1",
  subject: "placed",
  sessionId: "s1",
  properties: {
    color: "red",
    Size: 5,
    price: 1.5,
    urgent: true,
    empty: "",
    nothing: null,
    at: new Date(0),
    "a b": 1,
    "a]b": 2,
    'a"b': 3,
    "a.b": 4,
    sys: "own",
    and: 9,
    größe: 8,
  },
  sizeBytes: 0,
  carrier: undefined,
};

function evaluate(filter: string): Truth {
  return compileSql(filter)(message);
}

test.each([
  ["color = 'red'", true],
  ["COLOR = 'red'", true],
  ["color = 'RED'", false],
  ["color <> 'red'", false],
  ["color != 'blue'", true],
  ["size > 4 AND size < 6", true],
  ["size >= 5 and size <= 5", true],
  ["size = 5.0", true],
  ["price = 15E-1", true],
  ["price = .15e+1", true],
  ["5 = size", true],
  ["'b' > 'a'", true],
  ["urgent = TRUE", true],
  ["urgent <> true", false],
  ["NOT urgent = FALSE", true],
  ["user.color = 'red'", true],
  ["sys.Label = 'placed' AND sys.Subject = 'placed'", true],
  ["SYS.messageid = 'm1' AND sys.SessionId = 's1'", true],
  ["[a b] = 1", true],
  ["[a]]b] = 2", true],
  ['"a""b" = 3', true],
  ["[a.b] = 4", true],
  ["user.[a b] = 1", true],
  ["sys = 'own'", true],
  ["[and] = 9", true],
  ["größe = 8", true],
  ["empty = ''", true],
  ["color IN ('blue', 'red')", true],
  ["color NOT IN ('blue', 'green')", true],
  ["size + 1 IN (1, 2 * 3)", true],
  ["color LIKE 'r%'", true],
  ["color NOT LIKE '%x%'", true],
  ["color LIKE '_ed'", true],
  ["color LIKE 'r\\_d' ESCAPE '\\'", false],
  ["'r_d' LIKE 'r\\_d' ESCAPE '\\'", true],
  ["'100%' LIKE '%!%' ESCAPE '!'", true],
  ["EXISTS(color)", true],
  ["EXISTS(missing)", false],
  ["EXISTS(nothing)", true],
  ["EXISTS(sys.CorrelationId)", false],
  ["NOT EXISTS(missing)", true],
  ["missing IS NULL", true],
  ["nothing IS NULL", true],
  ["color IS NULL", false],
  ["color IS NOT NULL", true],
  ["sys.To IS NULL", true],
  ["1 + 2 * 3 = 7", true],
  ["(1 + 2) * 3 = 9", true],
  ["7 - 2 - 1 = 4", true],
  ["7 % 4 = 3 AND 8 / 4 / 2 = 1", true],
  ["-size = -5", true],
  ["- -5 = +5", true],
  ["1=1", true],
  ["1=0", false],
  ["color = 'blue' OR color = 'red' AND size = 5", true],
  ["(color = 'red' OR color = 'blue') AND size = 6", false],
  ["NOT color = 'red' OR size = 5", true],
  ["NOT (color = 'red' OR size = 5)", false],
  ["NOT NOT color = 'red'", true],
  ["((color) = ('red'))", true],
])("%s is %s", (filter, truth) => {
  expect(evaluate(filter)).toBe(truth);
});

test.each([
  // What is missing makes a condition unknown, and so does its contrary.
  "missing = 'x'",
  "missing <> 'x'",
  "NOT missing = 'x'",
  "missing IN ('a')",
  "missing NOT IN ('a')",
  "missing LIKE '%'",
  "missing NOT LIKE '%'",
  "nothing = nothing",
  "missing + 1 = 1",
  "color = missing",
  // Types do not mix.
  "size = '5'",
  "size <> '5'",
  "color = 5",
  "color > 5",
  "urgent = 1",
  "urgent = 'true'",
  "urgent > FALSE",
  "size LIKE '5'",
  "color + 1 = 1",
  "-color = 1",
  "size NOT IN ('5')",
  // No numbers.
  "size / 0 = 1",
  "size % 0 = 0",
  // Dates do not compare.
  "at = 0",
  // One choice is unknown, none is equal.
  "size IN (4, missing)",
  "size NOT IN (4, missing)",
  "color = 'red' AND missing = 1",
  "color = 'blue' OR missing = 1",
])("%s is unknown", (filter) => {
  expect(evaluate(filter)).toBeUndefined();
});

test("unknown does not hide what is sure", () => {
  expect(evaluate("color = 'blue' AND missing = 1")).toBe(false);
  expect(evaluate("missing = 1 OR color = 'red'")).toBe(true);
  expect(evaluate("size IN (missing, 5)")).toBe(true);
});

test("AND, OR and NOT have the truth tables of three values", () => {
  const values: readonly Truth[] = [true, false, undefined];
  const table = (operator: (left: Truth, right: Truth) => Truth) =>
    values.map((left) => values.map((right) => operator(left, right)));
  expect(table(and)).toEqual([
    [true, false, undefined],
    [false, false, false],
    [undefined, false, undefined],
  ]);
  expect(table(or)).toEqual([
    [true, true, true],
    [true, false, undefined],
    [true, undefined, undefined],
  ]);
  expect(values.map(not)).toEqual([false, true, undefined]);
});

test.each([
  ["", "ends too early"],
  ["color", "expected a condition"],
  ["color =", "ends too early"],
  ["color = = 'red'", "character 9"],
  ["color = 'red", 'unexpected "\'"'],
  ["color = 'red' size = 5", "unexpected size"],
  ["color = 'red' AND", "ends too early"],
  ["(color = 'red'", "expected )"],
  ["color = 'red')", "unexpected )"],
  ["color IN ()", "unexpected )"],
  ["color IN 'red'", "expected ("],
  ["color NOT = 'red'", "expected IN or LIKE"],
  ["color IS 'red'", "expected NULL"],
  ["'x' IS NULL", "name of a property"],
  ["(color) IS NULL", "name of a property"],
  ["color LIKE 'x' ESCAPE '!!'", "one character"],
  ["color LIKE 'x' ESCAPE other", "one character"],
  ["EXISTS color", "expected ("],
  ["EXISTS('color')", "unexpected color"],
  ["NOT color", "expected a condition"],
  ["color = 'a' AND size", "expected a condition"],
  ["(color = 'red') = TRUE", "expected a value"],
  ["1 + (1=1) = 2", "expected a value"],
  ["other.color = 'red'", "unknown scope other"],
  ["sys.Color = 'red'", "unknown system property Color"],
  ["and = 1", "unexpected and"],
  ["color == 'red'", "unexpected ="],
  ["color = 'red'; DROP", 'unexpected ";"'],
  ["[] = 1", 'unexpected "["'],
  ["1=1 --", "ends too early"],
])("%j is refused: %s", (filter, problem) => {
  expect(() => compileSql(filter)).toThrow(problem);
});

test("a filter has at most 1,024 characters", () => {
  const filter = (length: number): string => `color = '${"x".repeat(length - 10)}'`;
  expect(compileSql(filter(1_024))(message)).toBe(false);
  expect(() => compileSql(filter(1_025))).toThrow("1025 characters; at most 1024");
});

test("a pattern full of wildcards takes no longer than the product of both lengths", () => {
  const content = { ...message, subject: "a".repeat(5_000) };
  expect(compileSql(`sys.Label LIKE '${"%a".repeat(400)}b'`)(content)).toBe(false);
});
