import type { Binding, Registered, RetryOptions } from "./rpc.ts";
import type { Environment } from "./settings.ts";

interface Named {
  /** Of the function. */
  readonly name: string;
  /** Of the binding that brings what has happened. */
  readonly binding: string;
}

export interface HttpTrigger extends Named {
  readonly kind: "http";
  readonly route: string;
  /** In capitals. */
  readonly methods: readonly string[];
  readonly needsKey: boolean;
}

export interface ServiceBusTrigger extends Named {
  readonly kind: "service-bus";
  readonly connection: string;
  readonly entity: { readonly queue: string } | { readonly topic: string; readonly subscription: string };
  readonly hasSessions: boolean;
  readonly isBinary: boolean;
}

export interface TimerTrigger extends Named {
  readonly kind: "timer";
  /** NCRONTAB: six fields, the first is seconds. */
  readonly schedule: string;
  readonly runOnStartup: boolean;
  /** What happens when the function has thrown. Default: nothing until the next time. */
  readonly retry: RetryOptions | undefined;
}

export type Trigger = HttpTrigger | ServiceBusTrigger | TimerTrigger;

/**
 * What makes a function run, with `%NAME%` and `connection` read from the environment.
 * @throws Error for what is not there, or not done here
 */
export function triggerOf({ name, bindings, retryOptions: retry }: Registered, environment: Environment): Trigger {
  const entries = Object.entries(bindings);
  const isTrigger = ([, { type }]: (typeof entries)[number]): boolean => /trigger$/i.test(type ?? "");
  const [binding, given] = entries.find(isTrigger) ?? [];
  if (binding === undefined || given === undefined) throw new Error(`Function "${name}" has no trigger.`);
  if (retry !== undefined && given.type?.toLowerCase() !== "timertrigger") {
    throw new Error(
      `Function "${name}" has a retry policy, which the platform has for timers and not for this trigger.`,
    );
  }
  for (const [key, { type }] of entries) {
    if (key !== binding && type !== "http") {
      throw new Error(`Function "${name}" has a binding of type "${type}", which does nothing here; use its SDK.`);
    }
  }
  const said = resolved(name, given, environment);
  const text = (key: string): string => {
    const value = said[key];
    if (typeof value === "string" && value !== "") return value;
    throw new Error(`The trigger of function "${name}" has no ${key}.`);
  };
  const named = { name, binding };
  switch (said.type?.toLowerCase()) {
    case "httptrigger":
      return {
        ...named,
        kind: "http",
        route: typeof said["route"] === "string" ? said["route"] : name,
        methods: (said["methods"] as readonly string[]).map((method) => method.toUpperCase()),
        needsKey: said["authLevel"] !== "anonymous",
      };
    case "servicebustrigger": {
      if (said["cardinality"] === "many")
        throw new Error(`Function "${name}" wants batches; here it gets one at a time.`);
      const variable = text("connection");
      const connection = environment[variable] ?? environment[`AzureWebJobs${variable}`];
      if (!connection) throw new Error(`Function "${name}" has the connection "${variable}"; no such variable is set.`);
      return {
        ...named,
        kind: "service-bus",
        connection,
        entity:
          said["queueName"] === undefined
            ? { topic: text("topicName"), subscription: text("subscriptionName") }
            : { queue: text("queueName") },
        hasSessions: said["isSessionsEnabled"] === true,
        isBinary: said["dataType"] === "binary",
      };
    }
    case "timertrigger":
      return {
        ...named,
        kind: "timer",
        schedule: text("schedule"),
        runOnStartup: said["runOnStartup"] === true,
        retry,
      };
    default:
      throw new Error(
        `Function "${name}" has a trigger of type "${said.type}"; here are HTTP, Service Bus and timers.`,
      );
  }
}

function resolved(name: string, binding: Binding, environment: Environment): Binding {
  const resolve = (value: unknown): unknown =>
    typeof value === "string"
      ? value.replaceAll(/%([^%\s]+)%/g, (_whole, variable: string) => {
          const set = environment[variable];
          if (set === undefined) throw new Error(`Function "${name}" asks for %${variable}%; no such variable is set.`);
          return set;
        })
      : value;
  return Object.fromEntries(Object.entries(binding).map(([key, value]) => [key, resolve(value)]));
}
