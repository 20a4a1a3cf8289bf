import type {
  QueueOptions,
  ReceivingOptions,
  SendingOptions,
  SubscriptionOptions,
  TopicOptions,
} from "./store/options.ts";

/** The entities of a broker. */
export interface ServiceBusConfig {
  /** 0: a free one. Default: 0. */
  readonly port?: number;
  /** Default: 127.0.0.1. There is no authentication: think before you choose another one. */
  readonly host?: string;
  readonly queues?: Readonly<Record<string, QueueOptions>>;
  readonly topics?: Readonly<Record<string, TopicOptions>>;
}

type Check = (value: unknown, path: string) => void;

function fail(path: string, wanted: string, value: unknown): never {
  throw new TypeError(`${path} is ${JSON.stringify(value) ?? String(value)}; it has to be ${wanted}.`);
}

const isBoolean: Check = (value, path) => {
  if (typeof value !== "boolean") fail(path, "true or false", value);
};

const isText: Check = (value, path) => {
  if (typeof value !== "string" || value === "") fail(path, "a text", value);
};

function isWhole(min: number, max: number): Check {
  return (value, path) => {
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return;
    fail(path, `a whole number from ${min} to ${max}`, value);
  };
}

function isObject(value: unknown, path: string): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(path, "an object", value);
}

function has(checks: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    isObject(value, path);
    for (const [key, inner] of Object.entries(value)) {
      const check = checks[key];
      if (!check) throw new TypeError(`${path}.${key} is not known; known are ${Object.keys(checks).join(", ")}.`);
      if (inner !== undefined) check(inner, `${path}.${key}`);
    }
  };
}

function named(check: Check, nameCharactersMax: number): Check {
  return (value, path) => {
    isObject(value, path);
    for (const [name, inner] of Object.entries(value)) {
      if (name === "" || name.length > nameCharactersMax || /[$]/u.test(name.replace("$Default", ""))) {
        fail(`A name in ${path}`, `1 to ${nameCharactersMax} characters long, without $`, name);
      }
      check(inner, `${path}.${name}`);
    }
  };
}

const dayMs = 86_400_000;
const entityNameMax = 260;
const shortNameMax = 50;

const receiving: Record<keyof ReceivingOptions, Check> = {
  requiresSession: isBoolean,
  lockDurationMs: isWhole(1, 300_000),
  maxDeliveryCount: isWhole(1, 2_000),
  defaultTimeToLiveMs: isWhole(1, Number.MAX_SAFE_INTEGER),
  deadLetterOnExpiration: isBoolean,
};
const sending: Record<keyof SendingOptions, Check> = { duplicateDetectionWindowMs: isWhole(20_000, 7 * dayMs) };
const filterFields: Check = (value, path) => isObject(value, path);
const rule = has({ sql: isText, correlation: filterFields });

/** What `addSubscription` checks too. Filters themselves are checked when they are compiled. */
export const checkSubscription = has({ ...receiving, rules: named(rule, shortNameMax) } satisfies Record<
  keyof SubscriptionOptions,
  Check
>);

const checkAll = has({
  port: isWhole(0, 65_535),
  host: isText,
  queues: named(has({ ...receiving, ...sending } satisfies Record<keyof QueueOptions, Check>), entityNameMax),
  topics: named(
    has({
      ...sending,
      defaultTimeToLiveMs: receiving.defaultTimeToLiveMs,
      subscriptions: named(checkSubscription, shortNameMax),
    } satisfies Record<keyof TopicOptions, Check>),
    entityNameMax,
  ),
} satisfies Record<keyof ServiceBusConfig, Check>);

/**
 * A configuration that came from outside, as it is.
 * @throws TypeError that names the first value that is not right, or key that is not known.
 */
export function checkConfig(config: unknown): ServiceBusConfig {
  checkAll(config, "config");
  // Checked key by key just now.
  return config as ServiceBusConfig;
}
