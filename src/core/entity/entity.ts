import { HoldfastError } from "../errors.ts";
import { normalise } from "../json.ts";
import { made, type NewEvent } from "./decision.ts";
import type { CommandDefinition, EntityDefinition, EventDefinition } from "./definition.ts";
import { checkName, checkOptions, checkUnique, declarationError } from "./names.ts";
import { isSchema, validate, type Schema } from "./schema.ts";
import type {
  Entity,
  EntityOptions,
  EntitySpec,
  EventDataMap,
  EventDeclarations,
  EventMakers,
  VersionedEvent,
} from "./types.ts";

const optionNames: ReadonlySet<string> = new Set([
  "initial",
  "events",
  "evolve",
  "view",
  "authorize",
  "history",
  "snapshotEvery",
  "revision",
  "startsWith",
]);
const commandOptionNames: ReadonlySet<string> = new Set(["input", "prepare", "decide", "remember"]);

/** The spec of an entity without commands yet. */
export interface NewEntitySpec<Name extends string, State, E extends EventDeclarations, View> extends EntitySpec {
  readonly name: Name;
  readonly state: State;
  readonly view: View;
  readonly events: EventDataMap<E>;
  // biome-ignore lint/complexity/noBannedTypes: no commands yet
  readonly commands: {};
}

/**
 * Declares an entity; `holdfast().entity` is this with the services' type.
 * @throws HoldfastError `invalid-declaration` for names, bounds and options that are not allowed
 */
export function declareEntity<Services, const Name extends string, State, const E extends EventDeclarations, View>(
  name: Name,
  options: EntityOptions<State, E, View>,
): Entity<NewEntitySpec<Name, State, E, View>, EventMakers<E>, Services> {
  checkName("Entity", name);
  checkOptions(`entity "${name}"`, options, optionNames);
  const { initial, evolve, view, authorize, history = false, snapshotEvery = 100, revision = 1, startsWith } = options;
  if (typeof initial !== "function") throw declarationError(`Entity "${name}" needs initial: () => state.`);
  checkInitial(name, initial);
  checkBound(`snapshotEvery of entity "${name}"`, snapshotEvery, 10_000);
  checkBound(`revision of entity "${name}"`, revision, 1_000_000);
  const types = Object.keys(options.events ?? {});
  checkUnique(`Event of entity "${name}"`, types);
  for (const type of Object.keys(evolve ?? {})) {
    if (!types.includes(type)) throw declarationError(`Entity "${name}" evolves "${type}" but declares no such event.`);
  }
  const events = new Map<string, EventDefinition>();
  for (const type of types) {
    // Object.keys lists own keys, so both look-ups hit a declaration or a missing evolve.
    events.set(type, declareEvent(name, type, options.events[type], evolve?.[type] as EventDefinition["evolve"]));
  }
  const makers: Record<string, (data: unknown) => NewEvent> = {};
  for (const event of events.values()) makers[event.type] = (data) => makeEvent(event, data);
  const definition: EntityDefinition = {
    name,
    initial,
    events,
    makers: Object.freeze(makers),
    // Types are erased here: the declaration above has tied state, events and view together.
    view: (view as EntityDefinition["view"] | undefined) ?? ((state) => state),
    authorize,
    history,
    snapshotEvery,
    revision,
    startsWith: startsWith && new Set(startsWith),
    commands: new Map(),
  };
  return createEntity(definition);
}

/** The handle of a definition. Its types are the declaration's; at run time it is the definition and names of events. */
function createEntity<S extends EntitySpec, E, Services>(definition: EntityDefinition): Entity<S, E, Services> {
  const refs: Record<string, { entity: string; type: string }> = {};
  for (const type of definition.events.keys()) refs[type] = { entity: definition.name, type };
  return {
    name: definition.name,
    definition,
    // Typed by S, built from the same declaration.
    events: refs as unknown as Entity<S, E, Services>["events"],
    command(name, options) {
      checkName(`Command of entity "${definition.name}"`, name);
      checkOptions(`command "${definition.name}.${name}"`, options, commandOptionNames);
      checkUnique(`Command of entity "${definition.name}"`, [...definition.commands.keys(), name]);
      if (typeof options.decide !== "function") {
        throw declarationError(`Command "${definition.name}.${name}" needs decide: (state, input, context) => ...`);
      }
      if (options.input !== undefined && !isSchema(options.input)) {
        throw declarationError(`The input of command "${definition.name}.${name}" is not a Standard Schema.`);
      }
      const command: CommandDefinition = {
        name,
        input: options.input as Schema | undefined,
        // Types are erased here, as in EntityDefinition.
        prepare: options.prepare as CommandDefinition["prepare"],
        decide: options.decide as unknown as CommandDefinition["decide"],
        remember: options.remember ?? false,
      };
      return createEntity({ ...definition, commands: new Map([...definition.commands, [name, command]]) });
    },
  };
}

function declareEvent(
  entity: string,
  type: string,
  declared: Schema | VersionedEvent | undefined,
  evolve: EventDefinition["evolve"] | undefined,
): EventDefinition {
  checkName(`Event of entity "${entity}"`, type);
  const what = `Event "${entity}.${type}"`;
  if (typeof evolve !== "function") throw declarationError(`${what} needs evolve.${type}: (state, data) => state.`);
  if (isSchema(declared)) return { type, version: 1, schema: declared, upcast: new Map(), evolve };
  if (typeof declared !== "object" || !isSchema(declared.schema)) {
    throw declarationError(`${what} needs a Standard Schema, or { schema, version, upcast }.`);
  }
  const { schema, version } = declared;
  checkBound(`version of ${what}`, version, 1_000);
  const upcast = new Map<number, (data: unknown) => unknown>();
  for (let from = 1; from < version; from++) {
    const step = declared.upcast?.[from];
    if (typeof step !== "function")
      throw declarationError(`${what} is at version ${version} but has no upcast[${from}].`);
    // What was stored at version `from` is what this step was written for.
    upcast.set(from, step as (data: unknown) => unknown);
  }
  return { type, version, schema, upcast, evolve };
}

function makeEvent(event: EventDefinition, data: unknown): NewEvent {
  const result = validate(event.schema, data);
  if (result instanceof Promise) {
    throw new HoldfastError("invalid-decision", `The schema of event "${event.type}" is asynchronous; it must not be.`);
  }
  if (result.issues) {
    const [first] = result.issues;
    throw new HoldfastError(
      "invalid-decision",
      `The data of event "${event.type}" is not valid at ${first?.path.join(".") || "the root"}: ${first?.message}`,
    );
  }
  return { [made]: "event", type: event.type, data: normalise(result.value, `the data of ${event.type}`) };
}

function checkInitial(name: string, initial: () => unknown): void {
  try {
    normalise(initial(), "the initial state");
  } catch (cause) {
    throw declarationError(`The initial state of entity "${name}" is not JSON: ${(cause as Error).message}.`);
  }
}

function checkBound(what: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw declarationError(`The ${what} is ${value}; allowed are 1 to ${max}.`);
  }
}
