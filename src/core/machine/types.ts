import type { InputOf, Schema } from "../entity/schema.ts";
import type {
  DecideContext,
  EntityRef,
  EntitySpec,
  EventData,
  EventDeclarations,
  EventMeta,
  EventRef,
  Principal,
  Action,
  VersionedEvent,
} from "../entity/types.ts";

/** How long something takes, the sum of what is given. */
export interface Duration {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly ms?: number;
}

/** What a machine's state is: where it is, and what it knows. */
export interface Standing<State extends string = string, Data = unknown> {
  readonly state: State;
  readonly data: Data;
}

/** What every event of a machine says besides what it was sent with: which transition it was. */
export interface Passage<State extends string = string> {
  readonly fromState: State;
  readonly toState: State;
}

/** Without index signatures: an empty object of a schema's may have one, in which a passage would find no room. */
type Named<Data> = Data extends unknown ? { [K in keyof Data as string extends K ? never : K]: Data[K] } : never;

/** An event as it is stored: what it was sent with, and its passage. */
export type Passed<Data, State extends string> = Named<Data> & Passage<State>;

/** What a guard may know besides the machine's data and the event's input. */
export interface GuardContext {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly principal: Principal;
}

export interface Transition<State extends string, Data, Input> {
  /** Where it leads to; the state that it comes from is entered anew. Absent: it stays where it is, and enters nothing. */
  readonly to?: State;
  /** Whether it may happen: pure. Of several transitions for an event the first one whose guard says yes happens. */
  readonly guard?: (data: Data, input: Input, context: GuardContext) => boolean;
}

/** One event in one state: the state that it leads to, a transition, or several with guards. */
export type TransitionOptions<State extends string, Data, Input> =
  | State
  | Transition<State, Data, Input>
  | readonly Transition<State, Data, Input>[];

/** What an entry action may do: nothing of it happens if the command is refused. */
export type EntryContext = Pick<DecideContext<EntitySpec, object, unknown, object>, "send" | "id" | "now" | "newId">;

export interface StateOptions<State extends string, E extends EventDeclarations, Data> {
  /** What may happen in it; everything else is refused with `illegal-transition`. */
  readonly on?: { readonly [T in keyof E]?: TransitionOptions<State, Data, EventData<E[T]>> };
  /** Leaves the state when it has lasted for so long: stored as a timer, which leaving the state cancels. */
  readonly timeout?: { readonly after: Duration; readonly to: State };
  /** Runs when the state is entered, on the data as they are then: what it sends is stored with the event. */
  readonly entry?: (data: Data, context: EntryContext) => void;
  /** Nothing leads out of it. */
  readonly final?: true;
}

export interface MachineOptions<State extends string, E extends EventDeclarations, Data, View> {
  /** Where it is before anything has happened. Its `entry` and `timeout` apply when something leads back to it. */
  readonly initial: NoInfer<State>;
  /** What it knows before anything has happened; a JSON value. Called often: keep it cheap. */
  readonly data: () => Data;
  /** What can happen, and what it is sent with: objects. Each is a command of that name, and an event. */
  readonly events: E;
  /** What an event changes in the data: pure, as an entity's. Default: nothing. */
  readonly evolve?: {
    readonly [T in keyof E]?: (data: Data, event: Passed<EventData<E[T]>, State>, meta: EventMeta) => Data;
  };
  readonly states: { readonly [S in State]: StateOptions<NoInfer<State>, E, NoInfer<Data>> };
  /** What `GET` shows; state and data by default, nothing with `false`. */
  readonly view?:
    | ((now: Standing<State, NoInfer<Data>>, about: { readonly id: string; readonly version: number }) => View)
    | false;
  readonly authorize?: (principal: Principal, action: Action) => boolean | Promise<boolean>;
  readonly history?: boolean;
  readonly snapshotEvery?: number;
  readonly revision?: number;
  /** Whether transitions that were refused are stored, as entries without events: the stream's history shows them. Default false. */
  readonly audit?: boolean;
}

/** Why an event is refused: there is no transition for it in that state, or no guard lets it through. */
export type MachineCodes = "illegal-transition" | "guard-refused";

type InputOfDeclared<D> = D extends Schema ? InputOf<D> : D extends VersionedEvent<infer S> ? InputOf<S> : never;

export interface MachineSpec<Name extends string, State extends string, E extends EventDeclarations, Data, View>
  extends EntitySpec {
  readonly name: Name;
  readonly state: Standing<State, Data>;
  readonly view: View;
  readonly events: { readonly [T in keyof E & string]: Passed<EventData<E[T]>, State> } & {
    readonly timedOut: Passage<State>;
  };
  readonly commands: {
    readonly [T in keyof E & string]: {
      readonly input: InputOfDeclared<E[T]>;
      readonly reply: { readonly state: State };
      readonly codes: MachineCodes;
    };
  };
}

/** A declared state machine: an entity whose commands are the events that may happen to it. */
export interface Machine<S extends EntitySpec> extends EntityRef<S> {
  readonly events: { readonly [T in keyof S["events"] & string]: EventRef<S["name"], T, S["events"][T]> };
}
