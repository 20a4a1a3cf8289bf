import { HoldfastError } from "../../core/errors.ts";
import type { Filter } from "../../core/messaging/filter.ts";
import { attributeNames } from "./attributes.ts";
import { type Carriage, createCarriage, type Declared, wantedBy } from "../../core/broker/carriage.ts";
import { type Condition, type Rule, ruleOf } from "./conditions.ts";

/** A filter policy, for the subscription's attribute `FilterPolicy` as JSON; its scope is `MessageAttributes`. */
export type FilterPolicy = { readonly [attribute: string]: readonly (Condition | FilterPolicy)[] };

export interface CompiledPolicy {
  readonly policy: FilterPolicy;
  /**
   * It lets through what the subscription wants, and nothing else. Where false, it lets through more, which the receiver
   * drops; while a deployment changes filters, every policy does.
   */
  readonly exact: boolean;
  /** What was left to the receiver, and why: a line for each, for a warning. */
  readonly widened: readonly string[];
}

/**
 * Bounds of a filter policy. Whether SNS adds the branches of an `$or` up or multiplies them is not written, nor whether
 * a key counts once; here branches are added up, every value counts, and a key counts once.
 * Source: docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
 */
const policyLimits = { keysMax: 5, combinationsMax: 150 } as const;

/** A filter of one event type on its way to a branch of the policy. */
interface Branch {
  readonly type: string;
  readonly rules: Map<string, Rule>;
}

/** The filter policies of all subscriptions, by name. */
export function filterPolicies(declared: Declared): ReadonlyMap<string, CompiledPolicy> {
  const wanted = wantedBy(declared);
  const carriage = createCarriage(wanted);
  return new Map([...wanted].map(([name, events]) => [name, compile(events, carriage)]));
}

/**
 * The filter policy of one subscription. It needs the whole app: how an event's fields are written depends on all filters.
 * @throws HoldfastError `invalid-options` for a subscription that the app does not have
 */
export function filterPolicy(declared: Declared, subscription: string): CompiledPolicy {
  const policy = filterPolicies(declared).get(subscription);
  if (policy) return policy;
  throw new HoldfastError("invalid-options", `The app has no subscription "${subscription}".`);
}

function compile(
  events: ReadonlyMap<string, readonly Filter[]>,
  carriage: (event: string) => Carriage,
): CompiledPolicy {
  const whole = new Set<string>();
  let branches: Branch[] = [];
  const widened: string[] = [];

  function leave(type: string, field: string, why: string): void {
    widened.push(`the condition on "${field}" of ${type} is left to the receiver: ${why}`);
  }

  /** Types of which every event is wanted, as far as the policy can tell, need no branches. */
  function settle(): void {
    for (const { type, rules } of branches) if (rules.size === 0) whole.add(type);
    branches = branches.filter(({ type }) => !whole.has(type));
  }

  for (const [type, filters] of events) {
    const { numeric } = carriage(type);
    for (const filter of filters) {
      const rules = new Map([...filter].map(([field, test]) => [field, ruleOf(test, numeric.has(field))]));
      for (const [field, { exact }] of rules) {
        if (!exact) leave(type, field, "it compares values of several types, and others compare it with a range");
      }
      branches.push({ type, rules });
    }
  }
  settle();

  const fieldsMax = policyLimits.keysMax - 2;
  const rest = fieldsByUse(branches).slice(fieldsMax);
  for (const { type, rules } of branches) {
    for (const field of rest) {
      if (rules.delete(field)) leave(type, field, `a policy can name ${fieldsMax} fields`);
    }
  }
  settle();

  while (branches.length > 0 && combinationsOf(whole, branches) > policyLimits.combinationsMax) {
    const [branch] = branches.toSorted((one, other) => productOf(other) - productOf(one));
    const [rule] = [...(branch?.rules ?? [])].toSorted(([, one], [, other]) => other.values - one.values);
    if (!branch || !rule) break;
    const [field] = rule;
    branch.rules.delete(field);
    leave(branch.type, field, `a policy can hold ${policyLimits.combinationsMax} combinations of values`);
    settle();
  }

  if (whole.size > policyLimits.combinationsMax)
    widened.push(`the ${whole.size} types of events: a policy can name ${policyLimits.combinationsMax}`);
  const policy = written([...branchPolicies(whole, branches, carriage)]);
  return { policy, exact: widened.length === 0, widened };
}

/** Those that most filters compare come first. */
function fieldsByUse(branches: readonly Branch[]): readonly string[] {
  const uses = new Map<string, number>();
  for (const { rules } of branches) for (const field of rules.keys()) uses.set(field, (uses.get(field) ?? 0) + 1);
  return [...uses].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([field]) => field);
}

function productOf({ rules }: Branch): number {
  return [...rules.values()].reduce((product, { values }) => product * values, 1);
}

function combinationsOf(whole: ReadonlySet<string>, branches: readonly Branch[]): number {
  const others = new Set(branches.map(({ type }) => type)).size;
  return branches.reduce((sum, branch) => sum + productOf(branch), whole.size + others);
}

function* branchPolicies(
  whole: ReadonlySet<string>,
  branches: readonly Branch[],
  carriage: (event: string) => Carriage,
): Generator<FilterPolicy> {
  const { type: typeKey, shape: shapeKey, field: fieldKey } = attributeNames;
  if (whole.size > policyLimits.combinationsMax) yield { [typeKey]: [{ exists: true }] };
  else if (whole.size > 0) yield { [typeKey]: [...whole] };
  for (const { type, rules } of branches) {
    const fields = [...rules].map(([field, { conditions }]) => [fieldKey(field), conditions] as const);
    yield { [typeKey]: [type], ...Object.fromEntries(fields) };
  }
  // What code with other filters has published, or could not read, is for the receiver to judge.
  for (const type of new Set(branches.map((branch) => branch.type))) {
    yield { [typeKey]: [type], [shapeKey]: [{ "anything-but": [carriage(type).shape] }] };
  }
}

function written(branches: readonly FilterPolicy[]): FilterPolicy {
  const [first, ...others] = branches;
  return first && others.length === 0 ? first : { $or: branches };
}
