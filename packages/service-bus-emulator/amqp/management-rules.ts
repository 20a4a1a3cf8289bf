import { conditions, refusal } from "../conditions.ts";
import type { CorrelationFilter, Rule } from "../store/rules.ts";
import type { Subscription } from "../store/topic.ts";
import type { ManagementOperation, Request } from "./management.ts";
import { types } from "./rhea.ts";

// Source: core-amqp, Constants.descriptorCodes; the empty action's from the Service Bus request-response documentation.
const descriptors = {
  rule: 1_335_734_829_060,
  noAction: 1_335_734_829_057,
  sql: 83_483_426_822,
  correlation: 83_483_426_825,
} as const;

const names = [
  ["correlation-id", "correlationId"],
  ["message-id", "messageId"],
  ["to", "to"],
  ["reply-to", "replyTo"],
  ["label", "subject"],
  ["session-id", "sessionId"],
  ["reply-to-session-id", "replyToSessionId"],
  ["content-type", "contentType"],
] as const;

function subscriptionOf({ entity }: Request): Subscription {
  if (entity.subscription) return entity.subscription;
  throw refusal(conditions.notAllowed, `'${entity.path}' has no rules: they belong to subscriptions.`);
}

function map(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function ruleOf(description: Readonly<Record<string, unknown>>): Rule {
  if (description["sql-rule-action"] != null) {
    throw refusal(conditions.notImplemented, "Rules with actions are not supported.");
  }
  const sql = map(description["sql-filter"])?.["expression"];
  if (typeof sql === "string") return { sql };
  const given = map(description["correlation-filter"]);
  if (!given) throw refusal(conditions.argument, "The rule has neither a SQL filter nor a correlation filter.");
  // Texts by the names of the list; of properties `matcherOf` compares any value.
  const correlation = Object.fromEntries(
    names.map(([wire, name]) => [name, given[wire]] as const).filter(([, value]) => typeof value === "string"),
  ) as CorrelationFilter;
  const applicationProperties = map(given["properties"]) as CorrelationFilter["applicationProperties"];
  return { correlation: { ...correlation, ...(applicationProperties && { applicationProperties }) } };
}

function described(code: number, fields: readonly unknown[]) {
  return types.described(types.wrap_ulong(code), types.wrap_list(fields));
}

function filterOf(rule: Rule) {
  if ("sql" in rule) return described(descriptors.sql, [rule.sql, 20]);
  const { correlation } = rule;
  const fields = names.map(([, name]) => correlation[name] ?? null);
  return described(descriptors.correlation, [...fields, correlation.applicationProperties ?? null]);
}

/** Management operations on the rules of a subscription: what the client's rule manager uses. */
export const ruleOperations: Readonly<Record<string, ManagementOperation>> = {
  "com.microsoft:add-rule": {
    kind: "rules",
    run(request) {
      const { "rule-name": name, "rule-description": description } = request.body;
      subscriptionOf(request).addRule(String(name), ruleOf(map(description) ?? {}));
      return {};
    },
  },
  "com.microsoft:remove-rule": {
    kind: "rules",
    run(request) {
      subscriptionOf(request).rules().remove(String(request.body["rule-name"]));
      return {};
    },
  },
  "com.microsoft:enumerate-rules": {
    kind: "rules",
    run(request) {
      const { skip, top } = request.body;
      const found = subscriptionOf(request)
        .rules()
        .list()
        .slice(Number(skip), Number(skip) + Number(top));
      if (found.length === 0) return undefined;
      const rules = found.map(([name, rule]) => ({
        "rule-description": described(descriptors.rule, [filterOf(rule), described(descriptors.noAction, []), name]),
      }));
      return { rules };
    },
  },
};
