import { HoldfastError, internalError } from "../errors.ts";
import { normalise, type JsonValue } from "../json.ts";
import type { StoredEvent } from "../journal/format.ts";
import type { MachineTable } from "../machine/table.ts";
import type { Decision, NewEvent } from "./decision.ts";
import type { Schema } from "./schema.ts";
import type { Action, DecideContext, EntitySpec, EventMeta, PrepareContext, Principal } from "./types.ts";

/**
 * An entity as the runtime sees it, after its declaration was checked. The types of states, inputs and events are
 * erased: the declaration has tied them together, the runtime only passes them on.
 */
export interface EntityDefinition {
  readonly name: string;
  readonly initial: () => unknown;
  readonly events: ReadonlyMap<string, EventDefinition>;
  /** `events.<type>(data)` of the context. */
  readonly makers: { readonly [type: string]: (data: unknown) => NewEvent };
  readonly view: ((state: unknown, about: { readonly id: string; readonly version: number }) => unknown) | false;
  readonly authorize: ((principal: Principal, action: Action) => boolean | Promise<boolean>) | undefined;
  readonly history: boolean;
  readonly snapshotEvery: number;
  readonly revision: number;
  readonly startsWith: ReadonlySet<string> | undefined;
  readonly commands: ReadonlyMap<string, CommandDefinition>;
  /** Of a state machine: what can happen where. */
  readonly machine?: MachineTable;
  /** Of a workflow. A subscription of the same name drives it. */
  readonly workflow?: WorkflowParts;
}

/** What a workflow declares besides what an entity does. */
export interface WorkflowParts {
  /** Versions of its code that there are, ascending: new ones begin with the last. */
  readonly versions: readonly number[];
  /** Names of its signals, sorted; the command of each is `signal-<name>`. */
  readonly signals: readonly string[];
}

export interface EventDefinition {
  readonly type: string;
  readonly version: number;
  readonly schema: Schema;
  readonly upcast: ReadonlyMap<number, (data: unknown) => unknown>;
  readonly evolve: (state: unknown, data: unknown, event: EventMeta) => unknown;
  /** Nobody can subscribe to it, so no broker gets it. */
  readonly unpublished?: true;
}

export type AnyDecideContext = DecideContext<
  EntitySpec,
  EntityDefinition["makers"],
  unknown,
  { readonly [command: string]: (input?: unknown) => void }
>;

export interface CommandDefinition {
  readonly name: string;
  /** Absent: the command has no input. */
  readonly input: Schema | undefined;
  readonly prepare: ((input: unknown, context: PrepareContext<unknown>) => unknown) | undefined;
  readonly decide: (state: unknown, input: unknown, context: AnyDecideContext) => Decision;
  readonly remember: boolean;
  /** Whether rejections are stored, without their keys: a retry is decided anew. */
  readonly audit?: boolean;
  /** For the system alone: timers, sends, what drives it. For everybody else there is no such command. */
  readonly internal?: boolean;
}

/**
 * The data of a stored event in the shape that `evolve` expects now, frozen: the same for whoever asks. Each step gets
 * frozen data, so that none can change what is stored for the next who reads it.
 * @throws HoldfastError `internal` where an upcaster fails or makes what is no JSON, `journal-corrupt` where the data is
 * nothing that was ever stored
 */
export function upcast(definition: EventDefinition, event: StoredEvent): JsonValue {
  const { type } = definition;
  let current = stored(event);
  try {
    for (let version = event.v ?? 1; version < definition.version; version++) {
      const step = definition.upcast.get(version);
      if (step) current = normalise(step(current), `${type}, upcast from version ${version}`);
    }
  } catch (cause) {
    throw internalError(`upcast of ${type}`, cause);
  }
  return current;
}

/** The event's data, normalised: once for all who ask. It is decoded once; each subscription, fold and reader comes by here. */
function stored(event: { -readonly [K in keyof StoredEvent]: StoredEvent[K] }): JsonValue {
  const normal = readData(event);
  if (!Object.isFrozen(event)) event.data = normal;
  return normal;
}

function readData({ type, data }: StoredEvent): JsonValue {
  try {
    return normalise(data, type);
  } catch (cause) {
    throw new HoldfastError(
      "journal-corrupt",
      `The journal is damaged: the data of an event "${type}" is not what was written.`,
      { cause },
    );
  }
}
