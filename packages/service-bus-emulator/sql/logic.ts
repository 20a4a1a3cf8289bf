/** True, false, or unknown (undefined). */
export type Truth = boolean | undefined;

/** What a property or an expression is; undefined is NULL: absent, or of a type that the operator does not take. */
export type Value = string | number | boolean | undefined;

/** False as soon as one is; else unknown as soon as one is. */
export function and(left: Truth, right: Truth): Truth {
  if (left === false || right === false) return false;
  return left === undefined || right === undefined ? undefined : true;
}

/** True as soon as one is; else unknown as soon as one is. */
export function or(left: Truth, right: Truth): Truth {
  if (left === true || right === true) return true;
  return left === undefined || right === undefined ? undefined : false;
}

export function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

/** Values of different types do not compare: unknown. Strings compare by code unit. */
export function compare(operator: string, left: Value, right: Value): Truth {
  if (left === undefined || right === undefined || typeof left !== typeof right) return undefined;
  if (operator === "=") return left === right;
  if (operator === "<>" || operator === "!=") return left !== right;
  if (typeof left === "boolean") return undefined;
  if (operator === "<") return left < right;
  if (operator === "<=") return left <= right;
  return operator === ">" ? left > right : left >= right;
}

/** NULL where an operand is no number, and where the result is none (1 / 0). */
export function calculate(operator: string, left: Value, right: Value): Value {
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  const result = calculations[operator]?.(left, right);
  return Number.isFinite(result) ? result : undefined;
}

const calculations: Readonly<Record<string, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
};
