import { conditions, refusal, type Refusal } from "../conditions.ts";

/** `at` is the place in the text, from 0. */
export type Token =
  | { readonly kind: "name"; readonly text: string; readonly at: number; readonly quoted: boolean }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly text: string; readonly at: number }
  | { readonly kind: "symbol"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

/** A filter longer than this is refused. Source: Service Bus quotas. */
export const filterCharactersMax = 1_024;

const white = /\s+/uy;
const regularName = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const number = /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iuy;
const symbol = /<>|!=|<=|>=|[=<>+\-*/%(),.]/uy;
const delimited = [
  { kind: "string", pattern: /'((?:[^']|'')*)'/uy, close: "'" },
  { kind: "name", pattern: /"((?:[^"]|"")+)"/uy, close: '"' },
  { kind: "name", pattern: /\[((?:[^\]]|\]\])+)\]/uy, close: "]" },
] as const;

export function syntaxError(text: string, at: number, problem: string): Refusal {
  return refusal(
    conditions.argument,
    `The SQL filter is not valid at character ${at + 1}: ${problem}. Filter: ${text}`,
  );
}

/**
 * The tokens of a filter, closed by an "end".
 * @throws a refusal when the text is too long or holds what is no token.
 */
export function tokenize(text: string): readonly Token[] {
  if (text.length > filterCharactersMax) {
    throw refusal(
      conditions.argument,
      `The SQL filter has ${text.length} characters; at most ${filterCharactersMax} are allowed.`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(text);
  }

  function next(): number {
    for (const { kind, pattern, close } of delimited) {
      const found = match(pattern);
      if (!found) continue;
      const inner = (found[1] ?? "").replaceAll(close + close, close);
      tokens.push(kind === "string" ? { kind, text: inner, at } : { kind, text: inner, at, quoted: true });
      return found[0].length;
    }
    const blank = match(white);
    if (blank) return blank[0].length;
    const name = match(regularName);
    if (name) {
      tokens.push({ kind: "name", text: name[0], at, quoted: false });
      return name[0].length;
    }
    const digits = match(number);
    if (digits) {
      tokens.push({ kind: "number", text: digits[0], at });
      return digits[0].length;
    }
    const sign = match(symbol);
    if (sign) {
      tokens.push({ kind: "symbol", text: sign[0], at });
      return sign[0].length;
    }
    throw syntaxError(text, at, `unexpected ${JSON.stringify(text[at])}`);
  }

  while (at < text.length) at += next();
  return [...tokens, { kind: "end", text: "", at }];
}
