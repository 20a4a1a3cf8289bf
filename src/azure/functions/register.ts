import { app as functions, trigger, type FunctionTrigger, type HttpMethod } from "@azure/functions";
import type { App } from "../../core/app.ts";
import { consumersOf, isOrdered } from "../../core/broker/groups.ts";
import { firedBody } from "../../core/broker/wire.ts";
import { wakeUps } from "../../core/broker/wake-ups.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { TimerDefinition } from "../../core/messaging/definition.ts";
import { createCached } from "../../core/runtime/cached.ts";
import { createJsonLogger } from "../../core/runtime/json-logger.ts";
import { createSystem } from "../../core/runtime/system.ts";
import { createHttp } from "../../http/create-http.ts";
import { within } from "../../http/deadline.ts";
import { queueName, subscriptionOf, topicName } from "../service-bus/names.ts";
import { connectionName, readEnvironment, type Environment } from "./environment.ts";
import { createHandOut } from "./hand-out.ts";
import { answerHttp, httpRoute } from "./http.ts";
import { createInstance, type Instance } from "./instance.ts";
import type { Metadata } from "./message.ts";
import { checkedHttpOptions, type RegisterOptions } from "./options.ts";
import { processEnvironment, writeLine } from "./process.ts";
import { firedTick, type FiredTimer } from "./tick.ts";
import { utcSchedule } from "./utc-schedule.ts";

const methods: HttpMethod[] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/** How long a process that ends waits for what is being published, milliseconds. The rest is left to wake-ups. */
const closeMs = 5_000;

/**
 * Registers the functions of an app: `http` for all requests, one for each subscription, queue and cron timer, and one for
 * wake-ups. To be called once, while the function app is loaded. What it works with is opened at its start, and anew
 * after that has failed. Without the platform's worker nothing is registered, but all is checked.
 * @throws HoldfastError `invalid-options` that says what is wrong with options or environment
 */
export function register<Services>(app: App<unknown, Services>, options: RegisterOptions<Services> = {}): void {
  const { authLevel = "function", services, limits, telemetry, env = processEnvironment() } = options;
  const httpOptions = checkedHttpOptions(app, options as RegisterOptions<never>);
  const environment = readEnvironment(env);
  const { now } = createSystem();
  const log = options.logger ?? createJsonLogger(environment.log, now, writeLine);
  const system = createSystem({ log, ...(telemetry && { telemetry }) });

  let running: Instance | undefined;
  const instance = createCached(async () => {
    const open = options.open ?? (async () => (await import("./open.ts")).openPorts(app, environment, system));
    const [ports, made] = await Promise.all([
      open(),
      // Services that are a function themselves are made by one.
      typeof services === "function" ? (services as () => Services | Promise<Services>)() : services,
    ]);
    return (running = createInstance(app, { ...ports, services: made }, { system, limits }));
  });
  const http = createCached(async () => createHttp((await instance()).runtime, httpOptions));

  functions.http("http", {
    route: httpRoute,
    methods,
    authLevel,
    handler: (request) => answerHttp(request, http, system),
  });

  for (const consumer of [...consumersOf(app), wakeUps]) {
    const handOut = createCached(async () => {
      const parts = await instance();
      const queue = parts.queues.get(consumer);
      if (queue === undefined) throw new HoldfastError("internal", `Nothing handles the messages of "${consumer}".`);
      return createHandOut(consumer, queue, parts, system);
    });
    functions.generic(consumer.replace(":", "-"), {
      trigger: triggerOf(consumer, environment),
      handler: async (message: unknown, { triggerMetadata }: { readonly triggerMetadata?: Metadata }) =>
        (await handOut())(message, triggerMetadata),
    });
  }

  /** Asks for the tick that is due, if any; the timers' queue sees to it that it is run. */
  async function fire(definition: TimerDefinition, fired: FiredTimer): Promise<void> {
    const tick = firedTick(definition, fired, system.now());
    if (tick === undefined) return;
    const { bus } = await instance();
    const [error] = await bus.send("timers", [{ id: system.newId(), body: firedBody(definition.name, tick) }]);
    if (error) throw error;
  }

  for (const definition of app.timers.values()) {
    functions.timer(`timer-${definition.name}`, {
      schedule: utcSchedule(definition.cron, definition.zone, system.now()),
      // A tick that could not be asked for is asked for again.
      retry: { strategy: "exponentialBackoff", maxRetryCount: 10, minimumInterval: 1_000, maximumInterval: 60_000 },
      handler: (timer) => fire(definition, timer),
    });
  }

  functions.hook.appStart(() => void http().catch((error: unknown) => log.error({ error }, "the app does not start")));
  /** Before the process ends, and no longer than for `closeMs`. */
  async function finish(what: string, work: Promise<unknown> | undefined): Promise<void> {
    if (work === undefined) return;
    const late = (): Error => new Error(`it took longer than ${closeMs} ms`);
    await within(system, closeMs, work, late).catch((error: unknown) => log.warn({ error }, what));
  }
  functions.hook.appTerminate(async () => {
    await finish("not all was published; wake-ups do the rest", running?.publisher.idle());
    await finish("telemetry was not sent", telemetry?.flush());
  });
}

/** Bytes, since the worker reads JSON in its own way; one message at a time, since of a session only one may be under way. */
function triggerOf(consumer: string, { prefix }: Environment): FunctionTrigger {
  const subscription = subscriptionOf(consumer);
  const source =
    subscription === undefined
      ? { queueName: `${prefix}${queueName(consumer)}` }
      : { topicName: `${prefix}${topicName}`, subscriptionName: subscription };
  return trigger.generic({
    type: "serviceBusTrigger",
    ...source,
    connection: connectionName,
    isSessionsEnabled: isOrdered(consumer),
    cardinality: "one",
    dataType: "binary",
  });
}
