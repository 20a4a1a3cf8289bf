import { duration, literal, location, made, quoted, type Made } from "./arm.ts";
import type { DeploymentOptions } from "./options.ts";

export interface ServiceBus {
  readonly namespace: Made;
  readonly all: readonly Made[];
}

/** Deliveries after which Service Bus itself moves a message. Those of outages count too, so it is the most that there can be. */
const deliveriesMax = 2_000;

/** The largest that Standard has, which Premium has too. */
const megabytes = 5_120;

/**
 * The namespace with the topic, its subscriptions and the queues. Nothing expires by itself: a message waits until it is
 * handled, or given up.
 *
 * No rule is called `$Default`. Service Bus makes one that lets everything through, with each subscription; the first rule
 * that a template adds takes its place. A rule of that name in a template was seen to vanish, which leaves a subscription
 * that gets nothing at all. If one stays where it should not, the subscription gets too much, which its receiver drops.
 * Source: learn.microsoft.com, "Move a Service Bus namespace to another region" ("You can't create a default rule ... by using
 * a Resource Manager template"); hashicorp/terraform-provider-azurerm#20718.
 */
export function createServiceBus({ plan, prefix = "" }: DeploymentOptions): ServiceBus {
  const name = "variables('namespace')";
  const namespace = made("Microsoft.ServiceBus/namespaces", [name], {
    location,
    sku: [
      "[if(equals(parameters('serviceBusSku'), 'Premium'),",
      "createObject('name', 'Premium', 'tier', 'Premium', 'capacity', parameters('messagingUnits')),",
      "createObject('name', 'Standard', 'tier', 'Standard'))]",
    ].join(" "),
    properties: { disableLocalAuth: true, minimumTlsVersion: "1.2" },
  });
  const remembers = {
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: duration(plan.duplicateSeconds),
  };
  const holds = { maxSizeInMegabytes: megabytes, enablePartitioning: false, enableBatchedOperations: true };
  const net = { maxDeliveryCount: deliveriesMax, deadLetteringOnMessageExpiration: true };

  const topicNames = [name, quoted(`${prefix}${plan.topic}`)];
  const topic = made(
    "Microsoft.ServiceBus/namespaces/topics",
    topicNames,
    { properties: { ...holds, ...remembers, supportOrdering: true } },
    [namespace],
  );
  const queues = plan.queues.map((queue) =>
    made(
      "Microsoft.ServiceBus/namespaces/queues",
      [name, quoted(`${prefix}${queue.name}`)],
      {
        properties: {
          ...holds,
          ...(queue.ordered && remembers),
          ...net,
          lockDuration: duration(queue.lockSeconds),
          requiresSession: queue.ordered,
        },
      },
      [namespace],
    ),
  );

  // One after the other: Service Bus refuses changes of one topic that meet (409).
  const ofTopic: Made[] = [];
  let last = topic;
  for (const { name: subscriptionName, lockSeconds, rules } of plan.subscriptions) {
    const names = [...topicNames, quoted(subscriptionName)];
    const subscription = made(
      "Microsoft.ServiceBus/namespaces/topics/subscriptions",
      names,
      {
        properties: {
          ...net,
          // A rule that cannot be evaluated would lose an event.
          deadLetteringOnFilterEvaluationExceptions: true,
          enableBatchedOperations: true,
          lockDuration: duration(lockSeconds),
          requiresSession: true,
        },
      },
      last === topic ? [topic] : [topic, last],
    );
    ofTopic.push(subscription);
    last = subscription;
    for (const { name: ruleName, sql } of rules) {
      last = made(
        "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules",
        [...names, quoted(ruleName)],
        { properties: { filterType: "SqlFilter", sqlFilter: { sqlExpression: literal(sql) } } },
        last === subscription ? [subscription] : [subscription, last],
      );
      ofTopic.push(last);
    }
  }
  return { namespace, all: [namespace, topic, ...ofTopic, ...queues] };
}
