import type { EntityDefinition } from "../entity/definition.ts";
import { checkName, checkTenant, declarationError } from "../entity/names.ts";
import { isSchema, type Schema } from "../entity/schema.ts";
import { createSchedule } from "./cron.ts";
import { fieldsOf } from "./fields.ts";
import { filterLimits, type Filter, type Interest } from "./filter.ts";
import { deliveryOptionNames, deliveryPolicy } from "./policy.ts";
import type { SubscriptionDefinition } from "./definition.ts";
import type { Subscription, SubscriptionOptions, Timer, TimerOptions, Worker, WorkerOptions } from "./types.ts";

const handlerOptionNames = ["handle", ...deliveryOptionNames];
const subscriptionOptionNames: ReadonlySet<string> = new Set(["to", "from", ...handlerOptionNames]);
const workerOptionNames: ReadonlySet<string> = new Set([
  "queue",
  "input",
  "key",
  "authorize",
  "tenant",
  ...handlerOptionNames,
]);
const timerOptionNames: ReadonlySet<string> = new Set(["cron", "zone", "missed", "tenant", ...handlerOptionNames]);

/** @throws HoldfastError `invalid-declaration` */
export function declareSubscription<Services, const Interests extends readonly Interest[]>(
  name: string,
  options: SubscriptionOptions<Interests, Services>,
): Subscription<Services> {
  checkName("Subscription", name);
  const what = `subscription "${name}"`;
  checkHandler(what, options, subscriptionOptionNames);
  const { to, from = "now", handle } = options;
  if (from !== "now" && from !== "beginning") {
    throw declarationError(`from of ${what} is ${JSON.stringify(from)}; it must be "now" or "beginning".`);
  }
  if (!Array.isArray(to) || to.length === 0) {
    throw declarationError(`The ${what} needs to: [on(entity.events.type, filter), ...].`);
  }
  const wants = new Map<string, Map<string, readonly Filter[]>>();
  for (const interest of to as readonly Interest[]) {
    if (!((interest?.where as unknown) instanceof Map)) {
      throw declarationError(`to of ${what} is a list of on(entity.events.type, filter).`);
    }
    const { entity, type, where } = interest;
    const types = wants.get(entity) ?? new Map<string, readonly Filter[]>();
    wants.set(entity, types.set(type, [...(types.get(type) ?? []), where]));
  }
  const definition: SubscriptionDefinition = {
    name,
    policy: deliveryPolicy(what, options),
    from,
    wants,
    // The interests have tied the handler's events to what it will get.
    handle: handle as unknown as SubscriptionDefinition["handle"],
  };
  return { name, definition };
}

/** @throws HoldfastError `invalid-declaration` */
export function declareWorker<Services, I extends Schema>(
  name: string,
  options: WorkerOptions<I, Services>,
): Worker<I, Services> {
  checkName("Worker", name);
  const what = `worker "${name}"`;
  checkHandler(what, options, workerOptionNames);
  const { queue, input, key, authorize, tenant = "default", handle } = options;
  checkName("Queue", queue);
  checkTenantOf(what, tenant);
  for (const [option, value] of Object.entries({ key, authorize })) {
    if (value === undefined || typeof value === "function") continue;
    throw declarationError(`${option} of ${what} must be a function.`);
  }
  if (!isSchema(input))
    throw declarationError(`input of ${what} must be a Standard Schema (zod, valibot, arktype ...).`);
  const policy = deliveryPolicy(what, options);
  // The schema has tied what these three get to what it makes of a message.
  const erased = { key, authorize, handle } as Pick<Worker["definition"], "key" | "authorize" | "handle">;
  return { name, definition: { name, policy, queue, tenant, input, ...erased } };
}

/** @throws HoldfastError `invalid-declaration` */
export function declareTimer<Services>(name: string, options: TimerOptions<Services>): Timer<Services> {
  checkName("Timer", name);
  const what = `timer "${name}"`;
  checkHandler(what, options, timerOptionNames);
  const { cron, zone = "UTC", missed = "latest", tenant = "default", handle } = options;
  checkTenantOf(what, tenant);
  if (missed !== "latest" && missed !== "skip") {
    throw declarationError(`missed of ${what} is ${JSON.stringify(missed)}; it must be "latest" or "skip".`);
  }
  const schedule = createSchedule(what, cron, zone);
  // Services are the run's; the runtime only passes them on.
  const erased = handle as Timer["definition"]["handle"];
  const policy = deliveryPolicy(what, options);
  return { name, definition: { name, policy, cron, zone, missed, tenant, schedule, handle: erased } };
}

/**
 * What only the whole app can tell: that the events are there, that they have the fields that are compared (where their
 * schemas say so), and how many fields of one event type all subscriptions compare: brokers carry each as an attribute.
 */
export function checkSubscriptions(
  subscriptions: Iterable<SubscriptionDefinition>,
  entities: ReadonlyMap<string, EntityDefinition>,
): void {
  const compared = new Map<string, Set<string>>();
  for (const { name, wants } of subscriptions) {
    for (const [entity, types] of wants) {
      for (const [type, filters] of types) {
        const event = `${entity}.${type}`;
        const definition = entities.get(entity)?.events.get(type);
        if (!definition)
          throw declarationError(`Subscription "${name}" wants ${event}, which no entity of the app has.`);
        const fields = new Set(filters.flatMap((filter) => [...filter.keys()]));
        // Where nothing is compared no library has to say what there is: that takes a while.
        if (fields.size > 0) checkFields(name, event, fields, fieldsOf(definition.schema));
        compared.set(event, new Set([...(compared.get(event) ?? []), ...fields]));
      }
    }
  }
  for (const [event, fields] of compared) {
    if (fields.size <= filterLimits.fieldsPerEventMax) continue;
    throw declarationError(
      `Subscriptions filter ${event} by ${fields.size} fields (${[...fields].join(", ")}); ${filterLimits.fieldsPerEventMax} are allowed.`,
    );
  }
}

function checkFields(
  subscription: string,
  event: string,
  compared: ReadonlySet<string>,
  known: ReadonlySet<string> | undefined,
): void {
  for (const field of compared) {
    if (known === undefined || known.has(field)) continue;
    throw declarationError(
      `Subscription "${subscription}" filters ${event} by "${field}", which it does not have. It has ${[...known].join(", ") || "no fields"}.`,
    );
  }
}

function checkHandler(what: string, options: object, known: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null) throw declarationError(`The ${what} needs options.`);
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw declarationError(`Unknown option "${name}" of ${what}. Known: ${[...known].join(", ")}.`);
  }
  if (typeof (options as { readonly handle?: unknown }).handle !== "function") {
    throw declarationError(`The ${what} needs handle: a function.`);
  }
}

function checkTenantOf(what: string, tenant: string): void {
  try {
    checkTenant(tenant);
  } catch {
    throw declarationError(
      `tenant of ${what} is ${JSON.stringify(tenant)}; it must be 1 to 64 of a-z, 0-9 and hyphen.`,
    );
  }
}
