import { like } from "./like.ts";
import { and, calculate, compare, not, or, type Truth, type Value } from "./logic.ts";
import { isSystemProperty, type Row } from "./properties.ts";
import { syntaxError, type Token, tokenize } from "./tokens.ts";

type Predicate = (row: Row) => Truth;
type Expression = (row: Row) => Value;
type Node =
  | { readonly kind: "predicate"; readonly run: Predicate }
  | { readonly kind: "value"; readonly run: Expression; readonly property?: readonly ["system" | "user", string] };

const reserved = new Set("and or not in like escape is null exists true false".split(" "));
const comparisons = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);

/**
 * A Service Bus SQL filter as a function of a message's properties.
 * @throws a refusal (`com.microsoft:argument-error`) that says where the text is not valid.
 * Source: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-filter
 */
export function parse(text: string): Predicate {
  const tokens = tokenize(text);
  let position = 0;

  function fail(problem: string, token: Token = current()): never {
    throw syntaxError(text, token.at, problem);
  }

  function current(): Token {
    // The last one is "end", and nothing moves past it.
    return tokens[Math.min(position, tokens.length - 1)] ?? { kind: "end", text: "", at: text.length };
  }

  function isKeyword(word: string, token: Token = current()): boolean {
    return token.kind === "name" && !token.quoted && token.text.toLowerCase() === word;
  }

  function isSymbol(symbol: string): boolean {
    const token = current();
    return token.kind === "symbol" && token.text === symbol;
  }

  function takeKeyword(word: string): boolean {
    const found = isKeyword(word);
    if (found) position++;
    return found;
  }

  function takeSymbol(symbol: string): boolean {
    const found = isSymbol(symbol);
    if (found) position++;
    return found;
  }

  function need(symbol: string): void {
    if (!takeSymbol(symbol)) fail(`expected ${symbol}`);
  }

  function predicate(node: Node, token: Token): Predicate {
    return node.kind === "predicate" ? node.run : fail("expected a condition, found a value", token);
  }

  function value(node: Node, token: Token): Expression {
    return node.kind === "value" ? node.run : fail("expected a value, found a condition", token);
  }

  function disjunction(): Node {
    const start = current();
    let left = conjunction();
    while (isKeyword("or")) {
      position++;
      const first = predicate(left, start);
      const second = predicate(conjunction(), current());
      left = { kind: "predicate", run: (row) => or(first(row), second(row)) };
    }
    return left;
  }

  function conjunction(): Node {
    const start = current();
    let left = negation();
    while (isKeyword("and")) {
      position++;
      const first = predicate(left, start);
      const second = predicate(negation(), current());
      left = { kind: "predicate", run: (row) => and(first(row), second(row)) };
    }
    return left;
  }

  function negation(): Node {
    if (!takeKeyword("not")) return condition();
    const start = current();
    const run = predicate(negation(), start);
    return { kind: "predicate", run: (row) => not(run(row)) };
  }

  function condition(): Node {
    const start = current();
    const left = sum();
    const operator = current();
    if (operator.kind === "symbol" && comparisons.has(operator.text)) {
      position++;
      const first = value(left, start);
      const second = value(sum(), operator);
      return { kind: "predicate", run: (row) => compare(operator.text, first(row), second(row)) };
    }
    if (takeKeyword("is")) return isNull(left, start);
    const negated = takeKeyword("not");
    const found = takeKeyword("in") ? membership(left, start) : takeKeyword("like") ? likeness(left, start) : undefined;
    if (found && negated) return { kind: "predicate", run: (row) => not(found(row)) };
    if (found) return { kind: "predicate", run: found };
    return negated ? fail("expected IN or LIKE") : left;
  }

  function isNull(left: Node, start: Token): Node {
    const wanted = !takeKeyword("not");
    if (!takeKeyword("null")) fail("expected NULL");
    if (left.kind !== "value" || !left.property) return fail("IS NULL wants the name of a property", start);
    const { run } = left;
    return { kind: "predicate", run: (row) => (run(row) === undefined) === wanted };
  }

  function membership(left: Node, start: Token): Predicate {
    const run = value(left, start);
    const choices: Expression[] = [];
    need("(");
    do {
      const at = current();
      choices.push(value(sum(), at));
    } while (takeSymbol(","));
    need(")");
    return (row) => {
      const found = run(row);
      return choices.map((choice) => compare("=", found, choice(row))).reduce(or, false);
    };
  }

  function likeness(left: Node, start: Token): Predicate {
    const run = value(left, start);
    const pattern = value(sum(), current());
    const escape = takeKeyword("escape") ? escapeCharacter() : undefined;
    return (row) => like(run(row), pattern(row), escape);
  }

  function escapeCharacter(): string {
    const token = current();
    if (token.kind !== "string" || [...token.text].length !== 1) return fail("ESCAPE wants a string of one character");
    position++;
    return token.text;
  }

  function operation(symbols: readonly string[], operand: () => Node): Node {
    const start = current();
    let left = operand();
    for (let token = current(); token.kind === "symbol" && symbols.includes(token.text); token = current()) {
      position++;
      const first = value(left, start);
      const second = value(operand(), token);
      const { text: operator } = token;
      left = { kind: "value", run: (row) => calculate(operator, first(row), second(row)) };
    }
    return left;
  }

  function sum(): Node {
    return operation(["+", "-"], product);
  }

  function product(): Node {
    return operation(["*", "/", "%"], signed);
  }

  function signed(): Node {
    const token = current();
    if (!isSymbol("+") && !isSymbol("-")) return primary();
    position++;
    const run = value(signed(), token);
    return { kind: "value", run: (row) => calculate(token.text, 0, run(row)) };
  }

  function primary(): Node {
    const token = current();
    if (takeSymbol("(")) {
      const inner = disjunction();
      need(")");
      // A property in parentheses is an expression: IS NULL does not take it.
      return inner.kind === "value" ? { kind: "value", run: inner.run } : inner;
    }
    if (token.kind === "string") return constant(token.text);
    if (token.kind === "number") return constant(Number(token.text));
    if (isKeyword("true")) return constant(true);
    if (isKeyword("false")) return constant(false);
    if (takeKeyword("exists")) return existence();
    return property();
  }

  function constant(found: Value): Node {
    position++;
    return { kind: "value", run: () => found };
  }

  function existence(): Node {
    need("(");
    const { property: found } = property();
    need(")");
    return { kind: "predicate", run: (row) => row.exists(...found) };
  }

  function identifier(): { readonly text: string; readonly quoted: boolean } {
    const token = current();
    if (token.kind !== "name")
      return fail(token.kind === "end" ? "the filter ends too early" : `unexpected ${token.text}`);
    if (!token.quoted && reserved.has(token.text.toLowerCase())) fail(`unexpected ${token.text}`);
    position++;
    return token;
  }

  function property(): Extract<Node, { kind: "value" }> & { readonly property: readonly ["system" | "user", string] } {
    const token = current();
    const first = identifier();
    if (!takeSymbol(".")) return user(first.text);
    const scope = first.quoted ? undefined : first.text.toLowerCase();
    if (scope !== "sys" && scope !== "user") {
      fail(`unknown scope ${first.text}: write sys. or user., or put a name that has a dot into brackets`, token);
    }
    const at = current();
    const { text: name } = identifier();
    if (scope === "user") return user(name);
    if (!isSystemProperty(name)) fail(`unknown system property ${name}`, at);
    return { kind: "value", run: (row) => row.system(name), property: ["system", name] };
  }

  function user(name: string) {
    return { kind: "value", run: (row: Row) => row.user(name), property: ["user", name] } as const;
  }

  const run = predicate(disjunction(), { kind: "end", text: "", at: 0 });
  if (current().kind !== "end") fail(`unexpected ${current().text}`);
  return run;
}
