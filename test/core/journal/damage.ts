import fc, { type Arbitrary } from "fast-check";
import { part } from "../fuzz.ts";

/** What becomes of a text on a bad disk, or under a hand that repairs it. */
export type Damage = (text: string) => string;

const piece = fc.constantFrom(
  ...[
    [
      "",
      "0",
      "-1",
      "1.5",
      "1e999",
      "null",
      "true",
      "{}",
      "[]",
      '""',
      '"x"',
      "[{}]",
      "[null]",
      '{"x":1}',
      "\0",
      "\ufffd",
    ],
    ['{"__proto__":{"x":1}}', '{"constructor":1}', '"\\ud800"', "9007199254740993", "[".repeat(200), '[[[{"id":1}]]]'],
  ].flat(),
);

const at = (text: string, a: number): number => Math.floor(a * text.length);

/** Where the JSON value that begins at `from` ends; the text is JSON. */
function endOfValue(text: string, from: number): number {
  const part = /"(?:[^"\\]|\\.)*"|[[{]|[\]}]|[^"[\]{},:]+/gy;
  let depth = 0;
  part.lastIndex = from;
  for (let found = part.exec(text); found; found = part.exec(text)) {
    const { length, 0: first } = found[0];
    if (length === 1 && (first === "[" || first === "{")) depth++;
    else if (length === 1 && (first === "]" || first === "}")) depth--;
    if (depth === 0) return part.lastIndex;
    while (/[,:]/.test(text[part.lastIndex] ?? "")) part.lastIndex++;
  }
  return from;
}

/** The places where a member's or a list's value begins. */
function valuesOf(text: string): readonly number[] {
  return [...text.matchAll(/(?<=[:,[])(?=["[{\dtfn-])/g)].map(({ index }) => index);
}

export const damage: Arbitrary<Damage> = fc.oneof(
  part.map(
    (a): Damage =>
      (text) =>
        text.slice(0, at(text, a)),
  ),
  fc.tuple(part, fc.nat(6)).map(
    ([a, bit]): Damage =>
      (text) => {
        const i = at(text, a);
        return text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)) + text.slice(i + 1);
      },
  ),
  fc.tuple(part, fc.nat(12), piece).map(
    ([a, length, by]): Damage =>
      (text) => {
        return text.slice(0, at(text, a)) + by + text.slice(at(text, a) + length);
      },
  ),
  fc.tuple(part, part).map(
    ([a, b]): Damage =>
      (text) =>
        text.slice(0, at(text, a)) + text.slice(at(text, b)),
  ),
  // The likeliest to be JSON still: one value of it is another one.
  fc.tuple(part, piece).map(
    ([a, by]): Damage =>
      (text) => {
        const starts = valuesOf(text);
        const start = starts[Math.floor(a * starts.length)] ?? 0;
        return text.slice(0, start) + by + text.slice(endOfValue(text, start));
      },
  ),
  piece.map(
    (by): Damage =>
      () =>
        by,
  ),
);
