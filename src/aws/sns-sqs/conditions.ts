import type { Scalar, Test } from "../../core/messaging/filter.ts";
import { filterLimits } from "../../core/messaging/filter.ts";
import { sendable, tagged } from "./attributes.ts";

/** One condition of a filter policy, on the value of one attribute. */
export type Condition = string | { readonly [operator: string]: unknown };

/** What stands for a test in a filter policy: one of the conditions must hold. */
export interface Rule {
  readonly conditions: readonly Condition[];
  /** Values in it, for SNS's limit on combinations. */
  readonly values: number;
  /** It lets through what the test does, and nothing else. */
  readonly exact: boolean;
}

/** What says the same of an attribute as the test does of the field. `numeric`: its numbers are written as numbers. */
export function ruleOf(test: Test, numeric: boolean): Rule {
  switch (test.kind) {
    case "exists":
      return rule([{ exists: test.exists }]);
    case "prefix":
      return rule(test.prefixes.map((prefix) => ({ prefix: `s${sendable(prefix)}` })));
    case "in":
      return rule(test.values.map((value) => equalTo(value, numeric)));
    case "not-in":
      return numeric ? numericNotIn(test.values) : anythingBut(test.values.map(tagged));
    case "range":
      return rule([{ numeric: bounds(test) }]);
  }
}

function rule(conditions: readonly Condition[]): Rule {
  return { conditions, values: conditions.length, exact: true };
}

function anythingBut(values: readonly (string | number)[], others: readonly Condition[] = []): Rule {
  return {
    conditions: [{ "anything-but": values }, ...others],
    values: values.length + others.length,
    exact: true,
  };
}

function equalTo(value: Scalar, numeric: boolean): Condition {
  return numeric && typeof value === "number" ? { numeric: ["=", value] } : tagged(value);
}

/** What SNS says of text compared with numbers is written nowhere, so the other type is let in by name. */
function numericNotIn(values: readonly Scalar[]): Rule {
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === values.length) return anythingBut(numbers, [{ prefix: "s" }, { prefix: "b" }]);
  if (numbers.length > 0) return { conditions: [{ exists: true }], values: 1, exact: false };
  const all = { numeric: [">=", -filterLimits.numberMax, "<=", filterLimits.numberMax] };
  return anythingBut(values.map(tagged), [all]);
}

function bounds({ gt, gte, lt, lte }: Test & { readonly kind: "range" }): readonly (string | number)[] {
  const pairs = [
    [">", gt],
    [">=", gte],
    ["<", lt],
    ["<=", lte],
  ] as const;
  return pairs.flatMap(([operator, bound]) => (bound === undefined ? [] : [operator, bound]));
}
