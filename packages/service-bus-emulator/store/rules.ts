import { conditions, entityNotFound, refusal } from "../conditions.ts";
import { compileSql } from "../sql/index.ts";
import { rowOf } from "../sql/properties.ts";
import type { Content } from "./message.ts";

/** All that is given has to be equal. */
export interface CorrelationFilter {
  readonly correlationId?: string;
  readonly messageId?: string;
  readonly to?: string;
  readonly replyTo?: string;
  readonly subject?: string;
  readonly sessionId?: string;
  readonly replyToSessionId?: string;
  readonly contentType?: string;
  readonly applicationProperties?: Readonly<Record<string, string | number | boolean>>;
}

/** What a subscription wants: messages of which the filter is true. Actions are not supported. */
export type Rule = { readonly sql: string } | { readonly correlation: CorrelationFilter };

/** The rule of a subscription that was given none: everything. */
export const defaultRules: Readonly<Record<string, Rule>> = { $Default: { sql: "1=1" } };

/** Names of subscriptions and rules are no longer. Source: Service Bus quotas. */
export const nameCharactersMax = 50;
/** Source: Service Bus quotas. */
export const rulesPerTopicMax = 2_000;

/** The rules of one subscription, joined by OR. */
export interface Rules {
  readonly size: number;
  matches(content: Content): boolean;
  /** @throws a refusal when the name is taken or too long, or the filter not valid. */
  add(name: string, rule: Rule): void;
  /** @throws a refusal (`amqp:not-found`) when there is none of that name. */
  remove(name: string): void;
  list(): readonly (readonly [name: string, rule: Rule])[];
}

type Matcher = (content: Content) => boolean;

const fields = [
  "correlationId",
  "messageId",
  "to",
  "replyTo",
  "subject",
  "sessionId",
  "replyToSessionId",
  "contentType",
] as const;

function matcherOf(rule: Rule): Matcher {
  if ("sql" in rule) {
    const filter = compileSql(rule.sql);
    return (content) => filter(content) === true;
  }
  const { correlation } = rule;
  const wanted = fields.filter((field) => correlation[field] !== undefined);
  const properties = Object.entries(correlation.applicationProperties ?? {});
  if (wanted.length + properties.length === 0) {
    throw refusal(conditions.argument, "A correlation filter must have at least one property to compare.");
  }
  return (content) => {
    if (!wanted.every((field) => content[field] === correlation[field])) return false;
    const row = rowOf(content);
    return properties.every(([name, value]) => row.user(name) === value);
  };
}

export function checkName(kind: string, name: string): void {
  if (name.length > 0 && name.length <= nameCharactersMax) return;
  throw refusal(
    conditions.argument,
    `The name of a ${kind} has 1 to ${nameCharactersMax} characters; '${name}' has ${name.length}.`,
  );
}

export function createRules(initial: Readonly<Record<string, Rule>> = defaultRules): Rules {
  const rules = new Map<string, { readonly name: string; readonly rule: Rule; readonly matches: Matcher }>();

  function add(name: string, rule: Rule): void {
    checkName("rule", name);
    const key = name.toLowerCase();
    if (rules.has(key)) throw refusal(conditions.alreadyExists, `A rule named '${name}' already exists.`);
    rules.set(key, { name, rule, matches: matcherOf(rule) });
  }

  for (const [name, rule] of Object.entries(initial)) add(name, rule);
  return {
    get size() {
      return rules.size;
    },
    matches: (content) => [...rules.values()].some(({ matches }) => matches(content)),
    add,
    remove(name) {
      if (!rules.delete(name.toLowerCase())) throw entityNotFound(name);
    },
    list: () => [...rules.values()].map(({ name, rule }) => [name, rule] as const),
  };
}
