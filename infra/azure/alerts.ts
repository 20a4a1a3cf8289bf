import { location, made, quoted, type Made } from "./arm.ts";
import type { Functions } from "./functions.ts";
import type { ServiceBus } from "./service-bus.ts";

/** How often is looked, and at how much. */
const often = { evaluationFrequency: "PT5M", windowSize: "PT5M" };

const hasGroup = "empty(parameters('actionGroupId'))";

/** What somebody has to look at. Whom they tell is a parameter. */
export function createAlerts(name: string, { namespace }: ServiceBus, { insights }: Functions): readonly Made[] {
  const metric = (id: string, description: string, on: Made, criterion: Readonly<Record<string, unknown>>): Made =>
    made(
      "Microsoft.Insights/metricAlerts",
      [quoted(`${name}-${id}`)],
      {
        location: "global",
        properties: {
          description,
          enabled: true,
          severity: 1,
          ...often,
          scopes: [`[${on.id}]`],
          criteria: {
            "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            allOf: [
              {
                criterionType: "StaticThresholdCriterion",
                name: id,
                operator: "GreaterThan",
                threshold: 0,
                ...criterion,
              },
            ],
          },
          actions: `[if(${hasGroup}, json('[]'), createArray(createObject('actionGroupId', parameters('actionGroupId'))))]`,
        },
      },
      [on],
    );
  return [
    metric(
      "dead-lettered",
      "No handler ever got hold of these messages, or a rule could not be evaluated: look at the function's log, then move them back.",
      namespace,
      {
        metricNamespace: "Microsoft.ServiceBus/namespaces",
        metricName: "DeadletteredMessages",
        timeAggregation: "Maximum",
        dimensions: [{ name: "EntityName", operator: "Include", values: ["*"] }],
      },
    ),
    metric("failures", "Functions fail, or answer with 5xx: look at their log.", insights, {
      metricNamespace: "Microsoft.Insights/components",
      metricName: "requests/failed",
      timeAggregation: "Count",
    }),
    made(
      "Microsoft.Insights/scheduledQueryRules",
      [quoted(`${name}-given-up`)],
      {
        location,
        properties: {
          description: "A message was given up: npx holdfast dead-letters list says why.",
          enabled: true,
          severity: 1,
          ...often,
          scopes: [`[${insights.id}]`],
          criteria: {
            allOf: [
              {
                query: "traces | where message contains 'gives a message up'",
                timeAggregation: "Count",
                operator: "GreaterThan",
                threshold: 0,
              },
            ],
          },
          actions: {
            actionGroups: `[if(${hasGroup}, json('[]'), createArray(parameters('actionGroupId')))]`,
          },
        },
      },
      [insights],
    ),
  ];
}
