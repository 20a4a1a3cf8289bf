import { accept, reject, type Decision, type NewEvent } from "../core/entity/decision.ts";
import type { AnyDecideContext, CommandDefinition, EntityDefinition } from "../core/entity/definition.ts";
import { declareEntity } from "../core/entity/entity.ts";
import type { Schema } from "../core/entity/schema.ts";
import type { Principal, Action, EntityRef, EntitySpec } from "../core/entity/types.ts";
import type { JsonValue } from "../core/json.ts";
import { countOf, factsAfter, factsMax, isDone, type Fact, type Failure, type TimedFact } from "./facts.ts";
import { heard, initial, viewOf, type Parent, type WorkflowState } from "./state.ts";
import type { Signals, WorkflowStatus } from "./types.ts";

/** What whoever drives a workflow asks its entity for. */
export interface Advance {
  /**
   * Who drives it, by another name with each append, and whom it has seen as the owner: one of both is, or somebody else has
   * appended since.
   */
  readonly owner: string;
  readonly was: string;
  readonly run: number;
  /** How many facts are known to the driver. */
  readonly known: number;
  readonly facts: readonly Fact[];
  /** Operations whose timers are of no use any more. */
  readonly over: readonly number[];
  /** What becomes of the workflow. */
  readonly end?: End;
  /** It is being undone: for that there is room behind a full history. */
  readonly undoes?: true;
  /** There is more to do than this driver has time for. */
  readonly yields?: true;
}

export type End =
  | { readonly as: "completed"; readonly output?: JsonValue }
  | { readonly as: "failed" | "cancelled" | "stopped"; readonly failure: Failure }
  | { readonly as: "continued"; readonly input: JsonValue; readonly signals: readonly Fact[] };

/** The data of an event `advanced`. */
interface Taken {
  readonly owner: string;
  readonly facts: readonly Fact[];
  readonly over?: readonly number[];
}

/** The data of an event `continued`: the next run is of the newest version that its driver knows. */
interface Continues {
  readonly input: JsonValue;
  readonly signals: readonly Fact[];
  readonly version: number;
}

/** What is behind the facts that the driver knows. */
export interface Advanced {
  readonly facts: readonly TimedFact[];
  readonly now: number;
  /** Whose appends are the workflow's from now on. */
  readonly owner: string;
}

/** What a driver begins with. */
export interface Opened extends Omit<WorkflowState, "facts" | "waiting"> {
  readonly facts: readonly TimedFact[];
  readonly now: number;
}

/** Names of commands that are the workflow's own: nobody else may send them. */
export const internal = {
  begin: "begin",
  open: "open",
  advance: "advance",
  wake: "wake",
  childEnded: "child-ended",
  expire: "expire",
} as const;

/** What makes somebody drive it. */
export const awakening = [
  "started",
  "signalled",
  "woke",
  "cancelRequested",
  "yielded",
  "continued",
  "resumed",
] as const;

const deadlineTimer = "deadline";
const timerOf = (n: number | string): string => `op-${n}`;

/** Its data were checked where they came in. */
const anything: Schema = { "~standard": { version: 1, vendor: "holdfast", validate: (value) => ({ value }) } };

export interface EntityParts {
  readonly name: string;
  readonly input: Schema;
  readonly signals: Signals;
  readonly version: number;
  /** Of the code that there is, `version` among them. */
  readonly versions: readonly number[];
  readonly deadlineMs: number | undefined;
  readonly authorize?: ((principal: Principal, action: Action) => boolean | Promise<boolean>) | undefined;
  readonly history?: boolean | undefined;
}

type Context = AnyDecideContext;
type Decide = (state: WorkflowState, input: never, context: Context) => Decision;

/** The entity of a workflow: its stream is the workflow, and everything that happens to it is a command. */
export function workflowEntity({
  name,
  input,
  signals,
  version,
  versions,
  deadlineMs,
  authorize,
  history,
}: EntityParts): EntityDefinition {
  const event = {
    started: anything,
    advanced: anything,
    signalled: anything,
    woke: anything,
    cancelRequested: anything,
    yielded: anything,
    continued: anything,
    resumed: anything,
    ended: anything,
  };
  const base = declareEntity<undefined, string, WorkflowState, typeof event, unknown>(name, {
    initial: () => initial,
    events: event,
    evolve: {
      started: (_state, data, { time }) => ({ ...initial, ...(data as object), status: "running", run: 1, at: time }),
      advanced(state, data, { time }) {
        const { facts, owner, over } = data as Taken;
        return { ...heard(state, facts, time, over), owner };
      },
      signalled: (state, data, { time }) => heard(state, [{ is: "signalled", ...(data as { name: string }) }], time),
      woke: (state, data, { time }) => heard(state, [data as Fact], time),
      cancelRequested: (state, data, { time }) => heard(state, [{ is: "cancelled", failure: data as Failure }], time),
      yielded: (state) => state,
      continued(state, data, { time }) {
        const { input, signals, version } = data as Continues;
        const { run, parent, owner } = state;
        return heard(
          { ...initial, status: "running", version, run: run + 1, at: time, parent, owner, input },
          signals,
          time,
        );
      },
      resumed: ({ failure: _failure, ...state }) => ({ ...state, status: "running" as const }),
      ended(state, data) {
        const { status, output, failure } = data as { status: WorkflowStatus; output?: JsonValue; failure?: Failure };
        return {
          ...state,
          status,
          waiting: status === "stopped" ? state.waiting : {},
          ...(output !== undefined && { output }),
          ...(failure && { failure }),
        };
      },
    },
    view: viewOf,
    ...(authorize && { authorize }),
    ...(history !== undefined && { history }),
    startsWith: ["start", internal.begin],
  });

  const commands = new Map<string, CommandDefinition>();
  const add = (command: string, decide: Decide, input?: Schema, isInternal = false): void => {
    // Types are erased here, as in EntityDefinition.
    const erased = decide as unknown as CommandDefinition["decide"];
    commands.set(command, {
      name: command,
      input,
      prepare: undefined,
      decide: erased,
      remember: false,
      ...(isInternal && { internal: true }),
    });
  };
  /** For the workflow's own machinery. */
  const own = (command: string, decide: Decide, schema: Schema = anything): void => add(command, decide, schema, true);

  function start(
    state: WorkflowState,
    input: JsonValue,
    parent: Parent | null,
    { events, schedule }: Context,
  ): Decision {
    if (state.status !== "none") {
      return reject("workflow-exists", `Workflow ${name} with this id was started before; it is ${state.status}.`);
    }
    if (deadlineMs !== undefined) schedule(deadlineTimer, { afterMs: deadlineMs })[internal.expire]?.({});
    return made(events, "started", { input: input ?? null, version, parent });
  }

  add("start", (state, input: JsonValue, context) => start(state, input, null, context), input);
  own(
    internal.begin,
    (state, asked: { readonly input: JsonValue; readonly parent: Parent }, context) =>
      start(state, asked.input, asked.parent, context),
    childSchema(input),
  );
  for (const [signal, schema] of Object.entries(signals)) {
    add(
      `signal-${signal}`,
      (state, data: JsonValue | undefined, { events }) =>
        isOpen(state)
          ? made(events, "signalled", { name: signal, ...(data !== undefined && { data }) })
          : ended(name, state),
      schema,
    );
  }
  add("cancel", (state, _input, { events }) => {
    if (!isOpen(state)) return ended(name, state);
    const message = "The workflow was cancelled.";
    return [
      ...(isCancelled(state) ? [] : [made(events, "cancelRequested", { code: "workflow-cancelled", message })]),
      // What was done is undone by the code: a stopped one has to go on for that.
      ...(state.status === "stopped" ? [made(events, "resumed", {})] : []),
    ];
  });
  add("retry", (state, _input, { events }) =>
    state.status === "stopped"
      ? made(events, "resumed", {})
      : reject("workflow-not-stopped", `Workflow ${name} is ${state.status}; only what was stopped is tried again.`),
  );
  own(internal.expire, (state, _input, { events }) =>
    isOpen(state) && !isCancelled(state)
      ? made(events, "cancelRequested", { code: "workflow-timed-out", message: "The workflow has taken too long." })
      : [],
  );
  own(internal.open, (state, _input, { now }) => {
    const { facts, waiting: _waiting, ...others } = state;
    return accept([], { reply: { ...others, facts: facts.flat(), now } });
  });
  own(internal.wake, (state, { n, run }: { readonly n: number; readonly run: number }, { events }) =>
    isOpen(state) && state.run === run && String(n) in state.waiting ? made(events, "woke", { is: "woke", n }) : [],
  );
  own(internal.childEnded, (state, told: { run: number; fact: Fact & { readonly n: number } }, { events }) => {
    // Also before it is stored that it has begun: who has begun it may have died.
    const isWaitedFor = state.run === told.run && !isDone(state.facts, told.fact.n);
    return isOpen(state) && isWaitedFor ? made(events, "woke", told.fact) : [];
  });
  own(internal.advance, (state, asked: Advance, context) => advance({ name, version }, state, asked, context));
  const workflow = { versions: versions.toSorted((a, b) => a - b), signals: Object.keys(signals).toSorted() };
  const { definition } = base;
  // What only its driver makes anything of, which was told: a message for each step would be a message for nobody.
  const events = new Map(
    [...definition.events].map(([type, of]) => [
      type,
      type === "advanced" ? { ...of, unpublished: true as const } : of,
    ]),
  );
  return { ...definition, events, commands, workflow };
}

/** What a parent sends: the input is checked as anybody's. */
function childSchema(input: Schema): Schema {
  type Result = Awaited<ReturnType<Schema["~standard"]["validate"]>>;
  return {
    "~standard": {
      version: 1,
      vendor: "holdfast",
      validate(value) {
        const asked = value as { readonly input: unknown; readonly parent: Parent };
        const wrap = (result: Result): Result =>
          result.issues ? result : { value: { ...asked, input: result.value } };
        const result = input["~standard"].validate(asked.input);
        return result instanceof Promise ? result.then(wrap) : wrap(result);
      },
    },
  };
}

/** Stopped ones hear of what happens, too, when they go on. */
function isOpen({ status }: WorkflowState): boolean {
  return status === "running" || status === "stopped";
}

function isCancelled({ facts }: WorkflowState): boolean {
  return facts.some((piece) => piece.some(({ fact }) => fact.is === "cancelled"));
}

function ended(name: string, { status }: WorkflowState): Decision {
  return reject("workflow-ended", `Workflow ${name} is ${status}.`);
}

function made(events: Context["events"], type: string, data: unknown): NewEvent {
  // All of them were declared above.
  return (events[type] as (data: unknown) => NewEvent)(data);
}

/** Takes what a driver has found out, unless somebody else drives by now. */
function advance(
  { name, version }: Pick<EntityParts, "name" | "version">,
  state: WorkflowState,
  asked: Advance,
  context: Context,
): Decision {
  const { owner, was, run, known, facts, over: named, undoes, end, yields } = asked;
  const { events, now, schedule, cancel, send } = context;
  if (state.status !== "running" || state.run !== run) return reject("superseded", "This run of the workflow is over.");
  if (state.owner !== owner && state.owner !== was) return reject("superseded", "Somebody else drives the workflow.");
  if (countOf(state.facts) + facts.length > (undoes ? 2 : 1) * factsMax && end === undefined) {
    return reject(
      "history-full",
      `A run of workflow ${name} has ${factsMax} facts at most; begin anew with continueAsNew.`,
    );
  }
  const result: NewEvent[] = [];
  // Whoever goes on names all that has ever been over.
  const over = named.filter((n) => String(n) in state.waiting);
  const isTaken = facts.length + over.length > 0;
  if (isTaken) {
    result.push(made(events, "advanced", { owner, facts, ...(over.length > 0 && { over }) } satisfies Taken));
  }
  for (const fact of facts) {
    if ((fact.is === "began" || fact.is === "failed") && fact.due !== undefined) {
      schedule(timerOf(fact.n), { at: fact.due })[internal.wake]?.({ n: fact.n, run });
    } else if (fact.is === "done" && state.waiting[fact.n]?.due !== undefined) {
      cancel(timerOf(fact.n));
    }
  }
  for (const n of over) if (state.waiting[n]?.due !== undefined) cancel(timerOf(n));
  if (end) {
    for (const [n, { due }] of Object.entries(state.waiting))
      if (due !== undefined && end.as !== "stopped") cancel(timerOf(n));
    if (end.as === "continued") {
      // With what has come since the driver has looked.
      const news = factsAfter(state.facts, known).flatMap(({ fact }) =>
        fact.is === "signalled" || fact.is === "cancelled" ? [fact] : [],
      );
      result.push(
        made(events, "continued", {
          input: end.input,
          signals: [...end.signals, ...news],
          version,
        } satisfies Continues),
      );
    } else {
      const { as, ...what } = end;
      result.push(made(events, "ended", { status: as, ...what }));
      if (as !== "stopped") {
        cancel(deadlineTimer);
        tellParent(state, end, send);
      }
    }
  } else if (yields) {
    result.push(made(events, "yielded", {}));
  }
  const after = heard(state, facts, now);
  const reply: Advanced = { facts: factsAfter(after.facts, known), now, owner: isTaken ? owner : state.owner };
  return accept(result, { reply });
}

/** Stored with the end, delivered once. */
function tellParent({ parent }: WorkflowState, end: Exclude<End, { as: "continued" }>, send: Context["send"]): void {
  if (parent === null) return;
  const { workflow, id, run, n, name } = parent;
  const fact: Fact = {
    is: "done",
    n,
    kind: "child",
    name,
    ...(end.as === "completed" ? end.output !== undefined && { value: end.output } : { failure: end.failure }),
  };
  // All workflows have the same commands of their own: which one it is, is a matter of its name.
  const ref = { name: workflow, definition: parentDefinition } as unknown as EntityRef<EntitySpec>;
  (send(ref, id) as { readonly [command: string]: (input: unknown) => void })[internal.childEnded]?.({ run, fact });
}

/** What `send` looks at. */
const parentDefinition = { commands: new Map([[internal.childEnded, {}]]) };
