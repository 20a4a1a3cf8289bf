import type { EntityDefinition } from "./definition.ts";
import { declareEntity, type NewEntitySpec } from "./entity.ts";
import { checkUnique, declarationError } from "./names.ts";
import type {
  Entity,
  EntityOptions,
  EntityRef,
  EntitySpec,
  EventDeclarations,
  EventMakers,
  LiteralHint,
  SpecOf,
} from "./types.ts";

/** Entity name to spec: what a client needs to know of an app. */
export type AppSpec<Entities extends readonly EntityRef<EntitySpec>[]> = {
  readonly [E in Entities[number] as SpecOf<E>["name"]]: SpecOf<E>;
};

declare const spec: unique symbol;

/** A checked composition; pure data, so the same app runs on every target. */
export interface App<Spec = unknown, Services = unknown> {
  readonly entities: ReadonlyMap<string, EntityDefinition>;
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
  /**
   * Composes and checks the app.
   * @throws HoldfastError `invalid-declaration`
   */
  app<const Entities extends readonly EntityRef<EntitySpec>[]>(parts: {
    readonly entities: Entities;
  }): App<AppSpec<Entities>, Services>;
}

/** The factory of an app's parts. `Services` is what `prepare` and handlers get; each run supplies its own. */
export function holdfast<Services = undefined>(): Holdfast<Services> {
  return { entity: declareEntity, app: composeApp };
}

function composeApp<const Entities extends readonly EntityRef<EntitySpec>[], Services>(parts: {
  readonly entities: Entities;
}): App<AppSpec<Entities>, Services> {
  checkUnique(
    "Entity",
    parts.entities.map(({ name }) => name),
  );
  const entities = new Map<string, EntityDefinition>();
  for (const { definition } of parts.entities) {
    if (definition.commands.size === 0) throw declarationError(`Entity "${definition.name}" has no command.`);
    for (const command of definition.startsWith ?? []) {
      if (!definition.commands.has(command)) {
        throw declarationError(
          `Entity "${definition.name}" starts with "${command}", which is not one of its commands.`,
        );
      }
    }
    entities.set(definition.name, definition);
  }
  return { entities };
}
