import { HoldfastError } from "../core/errors.ts";
import { checkedLimits } from "../core/runtime/limits.ts";
import { defaultFaults, type FaultKind, type Faults } from "./faults.ts";
import type { SimulationOptions } from "./simulate.ts";

const seedMax = 2 ** 32 - 1;
/** Of a clock, milliseconds: what checkers allow for. */
const skewMax = 30_000;

type Name = keyof SimulationOptions;
/** What is allowed, and whether a value is that. */
type Rule = readonly [what: string, isAllowed: (value: unknown) => boolean];

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isFunction = (value: unknown): boolean => typeof value === "function";
const isApp = (value: unknown): boolean => isObject(value) && "entities" in value && value.entities instanceof Map;
const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
const whole = (min: number, max: number): Rule => [
  `a whole number from ${min} to ${max}`,
  (value) => isWhole(value, min, max),
];
const aFunction: Rule = ["a function", isFunction];
const flag: Rule = ["true or false", (value) => typeof value === "boolean"];

const rules: { readonly [N in Name]-?: Rule } = {
  seeds: whole(1, seedMax),
  from: whole(0, seedMax),
  replay: ["a text", (value) => typeof value === "string"],
  twice: flag,
  shrinkMax: whole(0, 1_000_000),
  onWorld: aFunction,
  step: aFunction,
  afterwards: aFunction,
  clients: whole(1, 10_000),
  steps: whole(1, 1_000_000),
  instances: whole(1, 1_000),
  outside: aFunction,
  services: aFunction,
  invariants: [
    "an object of functions, by name",
    (value) => isObject(value) && !Array.isArray(value) && Object.values(value).every(isFunction),
  ],
  // Looked at one by one.
  faults: ['"none" or an object of chances', (value) => value === "none" || isObject(value)],
  limits: ["an object of limits", isObject],
  next: ["an app, as h.app() makes it", isApp],
  principal: [
    "a principal with an id and a tenant",
    (value) => isObject(value) && "tenant" in value && typeof value.tenant === "string" && "id" in value,
  ],
  target: aFunction,
};

/** Of these at most one happens at a time. */
const together: readonly (readonly FaultKind[])[] = [
  ["crash", "freeze", "throttle", "lost", "slow", "late", "sdkRetry"],
  ["duplicate", "stale"],
];

/**
 * Refuses what no world can be made of, before the first one is.
 * @throws HoldfastError `invalid-options`; the message says what is allowed
 */
export function checkOptions(app: unknown, options: unknown): void {
  if (!isApp(app)) throw refused(`The first argument of simulate must be an app, as h.app() makes it.`);
  if (!isObject(options)) throw refused("simulate needs options, at least { step }: what a client does.");
  const given: ReadonlyMap<string, unknown> = new Map(Object.entries(options));
  for (const [name, value] of given) {
    if (!Object.hasOwn(rules, name)) {
      throw refused(`There is no option "${name}" of simulate. There are: ${Object.keys(rules).join(", ")}.`);
    }
    // It has just been looked up.
    const [what, isAllowed] = rules[name as Name];
    if (value !== undefined && !isAllowed(value)) {
      throw refused(`The option "${name}" of simulate is ${show(value)}; it must be ${what}.`);
    }
  }
  if (given.get("step") === undefined) throw refused('simulate needs the option "step": what a client does.');
  const faults = given.get("faults");
  if (isObject(faults)) checkFaults(faults);
  checkedLimits(given.get("limits") ?? {});
}

function checkFaults(given: object): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultFaults, name)) {
      throw refused(`There is no fault "${name}". There are: ${Object.keys(defaultFaults).join(", ")}.`);
    }
    const isTime = name === "skewMs";
    if (typeof value === "number" && value >= 0 && value <= (isTime ? skewMax : 1)) continue;
    throw refused(
      `The fault "${name}" is ${show(value)}; it must be ${isTime ? `0 to ${skewMax} ms` : "a chance, 0 to 1"}.`,
    );
  }
  const faults: Faults = { ...defaultFaults, ...given };
  for (const kinds of together) {
    const sum = kinds.reduce((sum, kind) => sum + faults[kind], 0);
    if (sum > 1) throw refused(`The chances of ${kinds.join(", ")} sum up to ${sum}; they must not exceed 1.`);
  }
}

function show(value: unknown): string {
  if (typeof value === "number" || typeof value === "function")
    return typeof value === "number" ? String(value) : "a function";
  return JSON.stringify(value) ?? String(value);
}

function refused(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
