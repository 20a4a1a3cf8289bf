import type { Reach } from "../core/dependency/reach.ts";
import type { InputOf, OutputOf, Schema } from "../core/entity/schema.ts";
import type { Action, Caller, EntityRef, EntitySpec, EventRef, Principal } from "../core/entity/types.ts";
import type { Duration } from "../core/machine/types.ts";
import type { DeliveryOptions } from "../core/messaging/policy.ts";
import type { HandlerContext, Subscription } from "../core/messaging/types.ts";
import type { RetryOptions } from "../core/retry.ts";
import type { Logger } from "../core/runtime/system.ts";

export interface StepOptions {
  readonly retry?: RetryOptions;
  /** How long one attempt may take, 1 to what the workflow's `timeoutMs` leaves. Default 20,000. */
  readonly timeoutMs?: number;
}

/** What a step gets. */
export interface StepContext<Services> {
  readonly services: Services;
  /** The same at every attempt, and of no other step: for the outside world to know it by. */
  readonly key: string;
  /**
   * Commands other entities, as a handler's `call` does: each takes effect once however often the step is run. What a step does
   * otherwise is `ctx.call`; this is for compensations, and for what is to be tried again as a whole.
   */
  readonly call: HandlerContext<Services>["call"];
  /** Asks something outside that may be slow or down, within what the attempt's time leaves, under a key of its own. */
  readonly reach: Reach;
  /** From 1. */
  readonly attempt: number;
  /** Aborted when its time is over. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What undoes one step, or one call, gets. */
export interface UndoContext<Services> extends StepContext<Services> {
  /** Key of what it undoes. */
  readonly undoes: string;
}

/** What undoes what is done with it, if the workflow fails or is cancelled later. */
export interface Undoable<Services> {
  readonly undo?: (context: UndoContext<Services>) => unknown;
}

/** What a workflow waited for has come, or its time was over. */
export type Heard<Data> =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly code: "timed-out" };

export type Signals = { readonly [name: string]: Schema };

/** What a workflow's code does the world through: everything else in it has to be the same each time it is run. */
export interface WorkflowContext<Services, S extends Signals> {
  /** Of the workflow. */
  readonly id: string;
  /**
   * Runs something once that has its effect outside; what it returns, a JSON value, is stored. `undo` is run also where it is not
   * known whether there was an effect.
   */
  readonly run: <T>(
    name: string,
    step: (context: StepContext<Services>) => T | Promise<T>,
    options?: StepOptions & Undoable<Services>,
  ) => Promise<T>;
  /**
   * Commands of another entity, each once: `await ctx.call(order, id).pay({ ... })`. A rejection is returned. `undo` is run only where
   * the command was accepted.
   */
  readonly call: <T extends EntitySpec>(entity: EntityRef<T>, id: string, options?: Undoable<Services>) => Caller<T>;
  /** Waits; nothing runs meanwhile. At most ten years. */
  readonly sleep: (duration: Duration | number) => Promise<void>;
  /** Waits for a signal. Those that came before anybody waited are kept, in their order. */
  readonly until: <N extends keyof S & string>(
    signal: N,
    options?: { readonly timeoutMs?: number },
  ) => Promise<Heard<OutputOf<S[N]>>>;
  /** Runs another workflow and waits for what it returns. Its id is this one's with a number, unless it is given. */
  readonly child: <I, O>(workflow: WorkflowRef<I, O>, input: I, options?: { readonly id?: string }) => Promise<O>;
  /** As `Promise.all`. */
  readonly all: typeof Promise.all;
  /** As `Promise.race`: what comes first in the history is first, each time. */
  readonly race: typeof Promise.race;
  /** Does so for each item, so many at once. */
  readonly map: <T, R>(
    items: readonly T[],
    each: (item: T, i: number) => Promise<R>,
    options?: { readonly concurrency?: number },
  ) => Promise<R[]>;
  /** What undoes what was done so far: run, the last one first, if the workflow fails or is cancelled; durable, and tried again. */
  readonly compensate: (name: string, undo: (context: StepContext<Services>) => unknown, options?: StepOptions) => void;
  /** Ends this run and begins anew with that input and an empty history. Never returns. */
  readonly continueAsNew: (input: unknown) => Promise<never>;
  /** Time of what was heard last, epoch milliseconds: the same each time. */
  readonly now: () => number;
  /** In [0, 1): the same each time. */
  readonly random: () => number;
  /** 36 characters: the same each time. */
  readonly uuid: () => string;
}

export type WorkflowRun<Services, I, O, S extends Signals> = (
  input: I,
  context: WorkflowContext<Services, S>,
) => O | Promise<O>;

export interface WorkflowOptions<Services, I extends Schema, O, S extends Signals> extends DeliveryOptions {
  /** Checks and shapes what it is started with. */
  readonly input: I;
  /** What others may tell it while it runs. */
  readonly signals?: S;
  /** Version of `run`, from 1. Raise it when `run` does other things than before. */
  readonly version?: number;
  readonly run: WorkflowRun<Services, OutputOf<I>, O, S>;
  /** Earlier versions: those that began with one end with it. */
  readonly earlier?: { readonly [version: number]: WorkflowRun<Services, OutputOf<I>, O, S> };
  /** How long all of it may take; then it is cancelled. */
  readonly deadline?: Duration;
  readonly authorize?: (principal: Principal, action: Action) => boolean | Promise<boolean>;
  readonly history?: boolean;
}

export type WorkflowStatus = "none" | "running" | "completed" | "failed" | "cancelled" | "stopped";

/** What `GET /api/{workflow}/{id}` shows. */
export interface WorkflowView<O = unknown> {
  readonly status: WorkflowStatus;
  readonly version: number;
  /** How often it has continued as new. */
  readonly run: number;
  readonly output?: O;
  readonly failure?: { readonly code: string; readonly message: string };
  /** What it waits for. */
  readonly waiting: readonly {
    readonly n: number;
    readonly kind: string;
    readonly name: string;
    readonly due?: number;
  }[];
  /** Facts of its history. */
  readonly facts: number;
}

/** What others hear of its end, or of its being stopped. */
export interface WorkflowEnd<O = unknown> {
  readonly status: WorkflowStatus;
  readonly output?: O;
  readonly failure?: { readonly code: string; readonly message: string };
}

declare const io: unique symbol;

/** A workflow as others name it. */
export interface WorkflowRef<I = unknown, O = unknown> {
  readonly name: string;
  readonly [io]?: { readonly input: I; readonly output: O };
}

interface SignalCommand<Data extends Schema> {
  readonly input: InputOf<Data>;
  readonly reply: undefined;
  readonly codes: "workflow-ended";
}

type SignalCommands<S extends Signals> = {
  readonly [N in keyof S & string as `signal-${N}`]: SignalCommand<S[N]>;
};

export interface WorkflowSpec<Name extends string, I extends Schema, O, S extends Signals> extends EntitySpec {
  readonly name: Name;
  readonly state: unknown;
  readonly view: WorkflowView<O>;
  readonly events: { readonly ended: WorkflowEnd<O> };
  readonly commands: {
    readonly start: { readonly input: InputOf<I>; readonly reply: undefined; readonly codes: "workflow-exists" };
    readonly cancel: { readonly input: undefined; readonly reply: undefined; readonly codes: "workflow-ended" };
    readonly retry: { readonly input: undefined; readonly reply: undefined; readonly codes: "workflow-not-stopped" };
  } & SignalCommands<S>;
  /** As clients send them: by their own names. */
  readonly signals: { readonly [N in keyof S & string]: SignalCommand<S[N]> };
}

/** A declared workflow, for `app({ workflows })`: an entity, and what drives it. */
export interface Workflow<Name extends string, I extends Schema, O, S extends Signals, Services>
  extends EntityRef<WorkflowSpec<Name, I, O, S>>,
    WorkflowRef<InputOf<I>, O> {
  readonly name: Name;
  readonly events: {
    readonly ended: EventRef<Name, "ended", WorkflowEnd<O>>;
  };
  readonly driver: Subscription<Services>;
}
