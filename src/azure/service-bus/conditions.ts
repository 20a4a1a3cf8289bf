import { filterLimits, type Test } from "../../core/messaging/filter.ts";
import { cut, propertyNames, tagged } from "./properties.ts";

/** What stands for a test in a rule. */
export interface Condition {
  readonly field: string;
  /** One of them must hold. */
  readonly options: readonly string[];
  /** They let through what the test does, and nothing else. */
  readonly exact: boolean;
}

/** Characters of a value in a rule. */
const textMax = 700;

/** What says the same of a property as the test does of the field. `numeric`: its numbers are written as numbers. */
export function conditionOf(field: string, test: Test, numeric: boolean): Condition {
  const name = propertyNames.field(field);
  const exactly = (...options: readonly string[]): Condition => ({ field, options, exact: true });
  const isThere: Condition = { field, options: [`EXISTS(${name})`], exact: false };
  switch (test.kind) {
    case "exists":
      return exactly(test.exists ? `EXISTS(${name})` : `NOT EXISTS(${name})`);
    case "range":
      return exactly(
        [
          [">", test.gt],
          [">=", test.gte],
          ["<", test.lt],
          ["<=", test.lte],
        ]
          .filter(([, bound]) => bound !== undefined)
          .map(([operator, bound]) => `${name} ${operator} ${String(bound)}`)
          .join(" AND "),
      );
    case "prefix": {
      const starts = test.prefixes.map((prefix) => tagged(prefix));
      return {
        field,
        options: starts.map((start) => `${name} LIKE '${cut(start, textMax)}%'`),
        exact: starts.every(({ length }) => length <= textMax),
      };
    }
    case "in": {
      const texts = test.values.filter((value) => !(numeric && typeof value === "number")).map(tagged);
      if (texts.some(({ length }) => length > textMax)) return isThere;
      const numbers = test.values.filter((value) => numeric && typeof value === "number");
      return exactly(...lists(name, numbers.map(String)), ...lists(name, texts.map(quoted)));
    }
    case "not-in": {
      const numbers = test.values.filter((value) => numeric && typeof value === "number").map(String);
      const texts = test.values.filter((value) => !(numeric && typeof value === "number"));
      const options = [
        ...noneOf(
          name,
          texts.map((value) => quoted(tagged(value))),
        ),
        ...(numeric ? noNumber(name, numbers) : []),
      ];
      // What is not compared with any of the texts is text all the same.
      if (numeric && texts.length === 0) options.push(`${name} LIKE 's%'`, `${name} LIKE 'b%'`);
      return options.some(({ length }) => length > textMax) ? isThere : exactly(...options);
    }
  }
}

/** A property that is not there is not known to be none of them, so it does not pass: as it has to be. */
function noneOf(name: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [`${name} NOT IN (${values.join(", ")})`];
}

/** Text does not compare with numbers, so these let only numbers through. */
function noNumber(name: string, numbers: readonly string[]): readonly string[] {
  return numbers.length > 0 ? noneOf(name, numbers) : [`${name} >= ${-filterLimits.numberMax}`];
}

/** Characters of a list, if it has more than one value: what is in several can be cut into several rules. */
const listMax = 300;

function lists(name: string, values: readonly string[]): readonly string[] {
  const all: string[][] = [];
  for (const value of values) {
    const last = all.at(-1);
    if (last && last.join(", ").length + value.length < listMax) last.push(value);
    else all.push([value]);
  }
  return all.map((some) => (some.length === 1 ? `${name} = ${some[0]}` : `${name} IN (${some.join(", ")})`));
}

/** Tagged texts hold no quote. */
function quoted(text: string): string {
  return `'${text}'`;
}
