import { checkSubscriptions, declareSubscription, declareTimer, declareWorker } from "./messaging/declare.ts";
import type { SubscriptionDefinition, TimerDefinition, WorkerDefinition } from "./messaging/definition.ts";
import type { Interest } from "./messaging/filter.ts";
import type {
  Subscription,
  SubscriptionOptions,
  Timer,
  TimerOptions,
  Worker,
  WorkerOptions,
} from "./messaging/types.ts";
import type { EntityDefinition } from "./entity/definition.ts";
import { declareEntity, type NewEntitySpec } from "./entity/entity.ts";
import { checkUnique, declarationError } from "./entity/names.ts";
import type { Schema } from "./entity/schema.ts";
import type {
  Entity,
  EntityOptions,
  EntityRef,
  EntitySpec,
  EventDeclarations,
  EventMakers,
  LiteralHint,
  SpecOf,
} from "./entity/types.ts";

/** Entity name to spec: what a client needs to know of an app. */
export type AppSpec<Entities extends readonly EntityRef<EntitySpec>[]> = {
  readonly [E in Entities[number] as SpecOf<E>["name"]]: SpecOf<E>;
};

declare const spec: unique symbol;

/** A checked composition; pure data, so the same app runs on every target. */
export interface App<Spec = unknown, Services = unknown> {
  readonly entities: ReadonlyMap<string, EntityDefinition>;
  readonly subscriptions: ReadonlyMap<string, SubscriptionDefinition>;
  readonly workers: ReadonlyMap<string, WorkerDefinition>;
  readonly timers: ReadonlyMap<string, TimerDefinition>;
  readonly [spec]?: { readonly entities: Spec; readonly services: Services };
}

export interface Holdfast<Services> {
  /** Declares an entity: events, how they fold into state, and (with `.command`) what may happen. */
  entity<
    const Name extends string,
    State = LiteralHint,
    const E extends EventDeclarations = EventDeclarations,
    View = State,
  >(
    name: Name,
    options: EntityOptions<State, E, View>,
  ): Entity<NewEntitySpec<Name, State, E, View>, EventMakers<E>, Services>;
  /** Declares what is done about events: `to: [on(cart.events.checkedOut, { country: "AT" })]`. */
  subscription<const Interests extends readonly Interest[]>(
    name: string,
    options: SubscriptionOptions<Interests, Services>,
  ): Subscription<Services>;
  /** Declares what is done about the messages of a queue that others fill. */
  worker<I extends Schema>(name: string, options: WorkerOptions<I, Services>): Worker<I, Services>;
  /** Declares what is done at certain times of the day. */
  timer(name: string, options: TimerOptions<Services>): Timer<Services>;
  /**
   * Composes and checks the app.
   * @throws HoldfastError `invalid-declaration`
   */
  app<
    const Entities extends readonly EntityRef<EntitySpec>[],
    const Workflows extends readonly DrivenEntity<Services>[] = readonly [],
  >(parts: AppParts<Entities, Services, Workflows>): App<AppSpec<readonly [...Entities, ...Workflows]>, Services>;
}

/** What `workflow(...)` of holdfast/workflows makes: an entity, and a subscription that drives it. */
export type DrivenEntity<Services> = EntityRef<EntitySpec> & { readonly driver: Subscription<Services> };

export interface AppParts<
  Entities extends readonly EntityRef<EntitySpec>[],
  Services,
  Workflows extends readonly DrivenEntity<Services>[] = readonly DrivenEntity<Services>[],
> {
  readonly entities: Entities;
  readonly subscriptions?: readonly Subscription<Services>[];
  readonly workers?: readonly Worker<Schema, Services>[];
  readonly timers?: readonly Timer<Services>[];
  readonly workflows?: Workflows;
}

/** The factory of an app's parts. `Services` is what `prepare` and handlers get; each run supplies its own. */
export function holdfast<Services = undefined>(): Holdfast<Services> {
  return {
    entity: declareEntity,
    subscription: declareSubscription,
    worker: declareWorker,
    timer: declareTimer,
    app: composeApp,
  };
}

function composeApp<
  const Entities extends readonly EntityRef<EntitySpec>[],
  Services,
  const Workflows extends readonly DrivenEntity<Services>[],
>(parts: AppParts<Entities, Services, Workflows>): App<AppSpec<readonly [...Entities, ...Workflows]>, Services> {
  for (const name of Object.keys(parts)) {
    if (!partNames.has(name)) throw declarationError(`An app has ${[...partNames].join(", ")}; not "${name}".`);
  }
  const workflows: readonly DrivenEntity<Services>[] = parts.workflows ?? [];
  const entities = definitionsOf("Entity", "commands", [...parts.entities, ...workflows]);
  for (const definition of entities.values()) checkEntity(definition);
  const subscriptions = definitionsOf("Subscription", "wants", [
    ...(parts.subscriptions ?? []),
    ...workflows.map(({ driver }) => driver),
  ]);
  checkSubscriptions(subscriptions.values(), entities);
  const workers = definitionsOf("Worker", "queue", parts.workers ?? []);
  checkUnique(
    "Queue",
    [...workers.values()].map(({ queue }) => queue),
  );
  return { entities, subscriptions, workers, timers: definitionsOf("Timer", "cron", parts.timers ?? []) };
}

const partNames: ReadonlySet<string> = new Set(["entities", "subscriptions", "workers", "timers", "workflows"]);

/** @param mark what only definitions of that kind have */
function definitionsOf<Definition extends object>(
  kind: string,
  mark: keyof Definition & string,
  parts: readonly { readonly name: string; readonly definition: Definition }[],
): ReadonlyMap<string, Definition> {
  for (const part of parts) {
    if (part?.definition && mark in part.definition) continue;
    throw declarationError(`${kind}s of an app are what h.${kind.toLowerCase()}(...) has made.`);
  }
  checkUnique(
    kind,
    parts.map(({ name }) => name),
  );
  return new Map(parts.map(({ name, definition }) => [name, definition]));
}

function checkEntity({ name, commands, startsWith = new Set() }: EntityDefinition): void {
  if (commands.size === 0) throw declarationError(`Entity "${name}" has no command.`);
  for (const command of startsWith) {
    if (commands.has(command)) continue;
    throw declarationError(`Entity "${name}" starts with "${command}", which is not one of its commands.`);
  }
}
