import { HoldfastError } from "../../core/errors.ts";
import { type Carriage, createCarriage, type Declared, wantedBy } from "../../core/broker/carriage.ts";
import type { Filter } from "../../core/messaging/filter.ts";
import { conditionOf, type Condition } from "./conditions.ts";
import { propertyNames } from "./properties.ts";

export interface CompiledRules {
  /** SQL filters of the subscription's rules; a message that passes any of them is there once. */
  readonly rules: readonly string[];
  /** They let through what the subscription wants, and nothing else. Where false, more, which the receiver drops. */
  readonly exact: boolean;
  /** What was left to the receiver, and why: a line each, for a warning. */
  readonly widened: readonly string[];
}

/** Characters of one SQL filter. Source: the quotas of Service Bus. */
const ruleMax = 1_024;

/** Of one event type's filter, which leaves room for the rest of its rule. */
const branchMax = 900;

/** The rules of all subscriptions, by name. */
export function subscriptionRules(declared: Declared): ReadonlyMap<string, CompiledRules> {
  const wanted = wantedBy(declared);
  const carriage = createCarriage(wanted);
  return new Map([...wanted].map(([name, events]) => [name, compile(name, events, carriage)]));
}

/**
 * As few rules as there can be: each one that is evaluated costs a credit of the standard tier, for each message. What is
 * sent to one subscription alone carries its name and no type, so that no other rule lets it through.
 */
function compile(
  subscription: string,
  events: ReadonlyMap<string, readonly Filter[]>,
  carriage: (event: string) => Carriage,
): CompiledRules {
  const widened: string[] = [];
  const whole: string[] = [];
  const branches: string[] = [];
  for (const [event, filters] of events) {
    const { shape, numeric } = carriage(event);
    const isEvent = `${propertyNames.type} = '${event}'`;
    const leave = (field: string, why: string): void => {
      widened.push(`the condition on "${field}" of ${event} is left to the receiver: ${why}`);
    };
    const some = filters.flatMap((filter) => {
      const conditions = [...filter].map(([field, test]) => conditionOf(field, test, numeric.has(field)));
      for (const { field, exact } of conditions) if (!exact) leave(field, "a rule cannot compare its values");
      return fitted(isEvent, conditions, leave);
    });
    // One that asks for nothing more lets the whole type through.
    if (some.includes(isEvent)) whole.push(event);
    // What code with other filters has published, or could not read, is for the receiver to judge.
    else branches.push(...some, `${isEvent} AND ${propertyNames.shape} <> '${shape}'`);
  }
  const rules = packed([`sys.To = '${subscription}'`, ...typesOf(whole), ...branches.map((branch) => `(${branch})`)]);
  return { rules, exact: widened.length === 0, widened };
}

/** The conditions as texts that fit into a rule: lists are split, and what is too long all the same is left out. */
function fitted(
  isEvent: string,
  conditions: readonly Condition[],
  leave: (field: string, why: string) => void,
): readonly string[] {
  const text = [isEvent, ...conditions.map(({ options }) => joined(options))].join(" AND ");
  if (text.length <= branchMax) return [text];
  const [longest] = conditions.toSorted((a, b) => joined(b.options).length - joined(a.options).length);
  if (longest === undefined) throw new HoldfastError("invalid-options", `"${isEvent}" is too long for a rule.`);
  const others = conditions.filter((condition) => condition !== longest);
  const { options, field } = longest;
  if (options.length === 1) {
    leave(field, `a rule holds ${ruleMax} characters`);
    return fitted(isEvent, others, leave);
  }
  const middle = Math.ceil(options.length / 2);
  return [options.slice(0, middle), options.slice(middle)].flatMap((half) =>
    fitted(isEvent, [...others, { ...longest, options: half }], leave),
  );
}

function joined(options: readonly string[]): string {
  return options.length === 1 ? (options[0] ?? "") : `(${options.join(" OR ")})`;
}

/** Whole types, some to a list. */
function typesOf(types: readonly string[]): readonly string[] {
  const perList = 8;
  const lists = Array.from({ length: Math.ceil(types.length / perList) }, (_, i) =>
    types.slice(i * perList, (i + 1) * perList),
  );
  return lists.map((list) => `${propertyNames.type} IN (${list.map((type) => `'${type}'`).join(", ")})`);
}

/** Joined by OR, in as few texts as they fit into. */
function packed(parts: readonly string[]): readonly string[] {
  const rules: string[] = [];
  for (const part of parts) {
    const last = rules.at(-1);
    const more = last === undefined ? part : `${last} OR ${part}`;
    if (last !== undefined && more.length <= ruleMax) rules[rules.length - 1] = more;
    else rules.push(part);
  }
  return rules;
}
