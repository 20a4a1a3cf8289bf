import type { CodesOf, Decision, NewEvent, ReplyOf } from "./decision.ts";
import type { Reach } from "../dependency/reach.ts";
import type { EntityDefinition } from "./definition.ts";
import type { InputOf, OutputOf, Schema } from "./schema.ts";

/** What the type system knows of an entity. Exists at compile time only. */
export interface EntitySpec {
  readonly name: string;
  readonly state: unknown;
  readonly view: unknown;
  /** Event type to the data that handlers get. */
  readonly events: object;
  /** Command name to {@link CommandSpec}. */
  readonly commands: object;
}

export interface CommandSpec {
  /** What a caller passes; `undefined` where the command has no input. */
  readonly input: unknown;
  readonly reply: unknown;
  /** The codes it can be rejected with. */
  readonly codes: string;
}

/** The result of a command everywhere: client, handler, workflow, test. Rejections are values, failures are thrown. */
export type Result<Reply = unknown, Code extends string = string> = AcceptedResult<Reply> | RejectedResult<Code>;

export interface AcceptedResult<Reply> {
  readonly ok: true;
  readonly reply: Reply;
  /** Events in the stream after the command. */
  readonly version: number;
  /** True if the idempotency key was known: the stored answer, nothing was done again. */
  readonly replayed: boolean;
}

/** One member for each code, so that comparing `code` narrows the result. */
export type RejectedResult<Code extends string> = Code extends string
  ? {
      readonly ok: false;
      readonly code: Code;
      readonly message: string;
      readonly version: number;
      readonly replayed: boolean;
    }
  : never;

/** On whose behalf something is done. The host sets it; handlers' calls run as `system`. */
export interface Principal {
  readonly kind: "anonymous" | "user" | "system";
  readonly id: string;
  readonly tenant: string;
  readonly claims: { readonly [name: string]: unknown };
}

/** What `authorize` is asked about. */
export type Action =
  | { readonly kind: "command"; readonly command: string; readonly id: string }
  | { readonly kind: "view"; readonly id: string }
  | { readonly kind: "history"; readonly id: string };

/** An event type with versions: `version` is what is made now; `upcast[n]` turns the data of version n into n + 1. */
export interface VersionedEvent<S extends Schema = Schema> {
  readonly schema: S;
  /** 1 to 1,000. */
  readonly version: number;
  readonly upcast: { readonly [fromVersion: number]: (data: never) => unknown };
}

export type EventDeclarations = { readonly [type: string]: Schema | VersionedEvent };
type SchemaOf<D> = D extends Schema ? D : D extends VersionedEvent<infer S> ? S : never;
export type EventData<D> = OutputOf<SchemaOf<D>>;
export type EventDataMap<E extends EventDeclarations> = { readonly [T in keyof E]: EventData<E[T]> };

/** `events.<type>(data)`: checks the data against the event's schema, once, and makes the event. */
export type EventMakers<E extends EventDeclarations> = {
  readonly [T in keyof E & string]: (data: InputOf<SchemaOf<E[T]>>) => NewEvent<T, EventData<E[T]>>;
};

export type AnyEventOf<Events> = { [T in keyof Events & string]: NewEvent<T, Events[T]> }[keyof Events & string];

/** What `evolve` may know of a stored event besides its data. */
export interface EventMeta {
  /** Commit time, epoch milliseconds. */
  readonly time: number;
  /** The event's place among the events of its stream, from 1. */
  readonly version: number;
}

/**
 * Folds one event. A conditional type, though it always holds: the compiler then takes what it knows of `State` from
 * `initial` to type what the function returns, so that `{ ...state, status: "open" }` keeps its literal.
 */
export type Evolve<State, Data> = [State] extends [unknown]
  ? (state: State, data: Data, event: EventMeta) => State
  : never;

/** Stands for `State` until `initial` is known, and keeps literals from being widened; never seen by users. */
export type LiteralHint =
  | ""
  | 0
  | false
  | {}
  | null
  | undefined
  | readonly LiteralHint[]
  | { readonly [key: string]: LiteralHint };

export interface EntityOptions<State, E extends EventDeclarations, View> {
  /** The state before the first event; a JSON value. Called often: keep it cheap. */
  readonly initial: () => State;
  readonly events: E;
  /** Folds one event into the state: pure, synchronous, returns the new state and leaves the old one alone (it is frozen). */
  readonly evolve: { readonly [T in keyof E]: Evolve<State, EventData<E[T]>> };
  /** What `GET` shows; the state itself by default, nothing with `false`. */
  readonly view?: ((state: NoInfer<State>, about: { readonly id: string; readonly version: number }) => View) | false;
  /** Who may do what; without it everybody who reaches the host. Not asked for the system's own calls. */
  readonly authorize?: (principal: Principal, action: Action) => boolean | Promise<boolean>;
  /** Whether events can be read over HTTP. Default false. */
  readonly history?: boolean;
  /** Records between two snapshots, 1 to 10,000. Default 100. */
  readonly snapshotEvery?: number;
  /** Raise it when `evolve` changes its meaning: older snapshots' state is then folded anew. Default 1. */
  readonly revision?: number;
  /** Commands that may begin a stream; others on an absent one are refused with `not-found`. Default: all may. */
  readonly startsWith?: readonly string[];
}

/** Arguments of a command: none where it has no input. */
export type InputArguments<Input> = [Input] extends [undefined]
  ? []
  : undefined extends Input
    ? [input?: Input]
    : [input: Input];

type CommandAs<C, Kind extends "send" | "call"> = C extends CommandSpec
  ? (...input: InputArguments<C["input"]>) => Kind extends "send" ? void : Promise<Result<C["reply"], C["codes"]>>
  : never;

/** The commands of an entity as functions that return nothing: they are stored and delivered later. */
export type Sender<S extends EntitySpec> = { readonly [N in keyof S["commands"]]: CommandAs<S["commands"][N], "send"> };
/** The commands of an entity as functions that return a promise of the result. */
export type Caller<S extends EntitySpec> = { readonly [N in keyof S["commands"]]: CommandAs<S["commands"][N], "call"> };

/** When a timer is due: a delay from the command's time, or a point in time. Epoch milliseconds. */
export type Due = { readonly afterMs: number } | { readonly at: number };

/** What `decide` gets besides state and input. Nothing in it does I/O; what it collects is dropped on a rejection. */
export interface DecideContext<S extends EntitySpec, E, Prepared, Self> {
  /** Makers of this entity's events. */
  readonly events: E;
  /** The entity's id. */
  readonly id: string;
  /** Events in the stream so far. */
  readonly version: number;
  /** Time of this command, epoch milliseconds; never less than that of the command before. */
  readonly now: number;
  /** A new unique id, 20 characters. */
  readonly newId: () => string;
  readonly principal: Principal;
  /** What `prepare` returned. */
  readonly prepared: Prepared;
  /** Sends a command to another entity: stored with the events, delivered at least once, effect once. */
  readonly send: <T extends EntitySpec>(entity: EntityRef<T>, id: string) => Sender<T>;
  /** Sets the named timer of this entity: one of its own commands, run when due. The same name replaces. */
  readonly schedule: (timer: string, due: Due) => Sender<S> & Self;
  /** Cancels the named timer; nothing happens if there is none. */
  readonly cancel: (timer: string) => void;
}

export interface PrepareContext<Services> {
  readonly id: string;
  readonly now: number;
  readonly principal: Principal;
  readonly services: Services;
  /** Asks something outside that may be slow or down, within what the command's deadline leaves. */
  readonly reach: Reach;
}

export interface CommandOptions<S extends EntitySpec, E, N extends string, I extends Schema, Prepared, D, Services> {
  /** Checks and shapes the input; without it the command has none. */
  readonly input?: I;
  /** I/O that the decision needs: once per request, after the idempotency key was not found, outside the entity's queue. */
  readonly prepare?: (input: OutputOf<I>, context: PrepareContext<Services>) => Prepared | Promise<Prepared>;
  /** Decides: synchronous and pure. */
  readonly decide: (
    state: S["state"],
    input: OutputOf<I>,
    context: DecideContext<
      S,
      E,
      Awaited<Prepared>,
      { readonly [K in N]: (...input: InputArguments<InputOf<I>>) => void }
    >,
  ) => D;
  /** Stores rejections and answers without effects under their key too, so that a retry gets the same. Default false. */
  readonly remember?: boolean;
}

declare const spec: unique symbol;

/** An entity as others name it: in `send`, `call`, `on`. */
export interface EntityRef<S extends EntitySpec> {
  readonly name: S["name"];
  readonly definition: EntityDefinition;
  readonly [spec]?: S;
}

export type SpecOf<E> = E extends EntityRef<infer S> ? S : never;

interface WithCommand<S extends EntitySpec, N extends string, Input, Reply, Codes extends string> extends EntitySpec {
  readonly name: S["name"];
  readonly state: S["state"];
  readonly view: S["view"];
  readonly events: S["events"];
  readonly commands: S["commands"] & {
    readonly [K in N]: { readonly input: Input; readonly reply: Reply; readonly codes: Codes };
  };
}

/** An event type of an entity, as `on(...)` takes it. */
export interface EventRef<Name extends string, Type extends string, Data> {
  readonly entity: Name;
  readonly type: Type;
  readonly [spec]?: Data;
}

/** A declared entity. `command` returns a new entity that has the command too; nothing is changed in place. */
export interface Entity<S extends EntitySpec, E, Services> extends EntityRef<S> {
  readonly events: { readonly [T in keyof S["events"] & string]: EventRef<S["name"], T, S["events"][T]> };
  command<
    const N extends string,
    D extends Decision<AnyEventOf<S["events"]>>,
    Prepared = undefined,
    I extends Schema = Schema<undefined>,
  >(
    name: N,
    options: CommandOptions<S, E, N, I, Prepared, D, Services>,
  ): Entity<WithCommand<S, N, InputOf<I>, ReplyOf<D>, CodesOf<D>>, E, Services>;
}
