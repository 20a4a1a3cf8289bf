import type { JsonValue } from "../core/json.ts";
import { countOf, isDone, withFacts, type Fact, type Facts, type Failure } from "./facts.ts";
import type { WorkflowStatus, WorkflowView } from "./types.ts";

/** Who waits for a workflow that is another one's child. */
export interface Parent {
  readonly workflow: string;
  readonly id: string;
  readonly run: number;
  readonly n: number;
  /** This workflow's. */
  readonly name: string;
}

/** A workflow as its stream says it is. */
export interface WorkflowState {
  readonly status: WorkflowStatus;
  readonly version: number;
  readonly run: number;
  readonly input: JsonValue;
  /** When this run began, epoch milliseconds. */
  readonly at: number;
  readonly parent: Parent | null;
  readonly facts: Facts;
  /** Operations that wait for something that is not a process: by number. */
  readonly waiting: { readonly [n: string]: { readonly kind: string; readonly name: string; readonly due?: number } };
  /** Whose appends are the workflow's: of those who drive it at the same time one wins. */
  readonly owner: string;
  readonly output?: JsonValue;
  readonly failure?: Failure;
}

export const initial: WorkflowState = {
  status: "none",
  version: 0,
  run: 0,
  input: null,
  at: 0,
  parent: null,
  facts: [],
  waiting: {},
  owner: "",
};

/** Adds facts, and what they say of operations that wait; those of `over` wait no more. */
export function heard(
  state: WorkflowState,
  facts: readonly Fact[],
  at: number,
  over: readonly number[] = [],
): WorkflowState {
  const waiting: Record<string, WorkflowState["waiting"][string]> = { ...state.waiting };
  for (const n of over) delete waiting[n];
  for (const fact of facts) {
    // A child may have ended before it is stored that it has begun.
    if ((fact.is === "began" && fact.kind === "child" && isDone(state.facts, fact.n)) || fact.is === "signalled")
      continue;
    if (fact.is === "began" || fact.is === "failed") {
      const { kind, name, due } = fact;
      waiting[fact.n] = { kind, name, ...(due !== undefined && { due }) };
    } else if (fact.is === "done" || fact.is === "woke") {
      delete waiting[fact.n];
    }
  }
  return { ...state, facts: withFacts(state.facts, facts, at), waiting };
}

export function viewOf({ status, version, run, output, failure, waiting, facts }: WorkflowState): WorkflowView {
  return {
    status,
    version,
    run,
    ...(output !== undefined && { output }),
    ...(failure && { failure }),
    waiting: Object.entries(waiting).map(([n, what]) => ({ n: Number(n), ...what })),
    facts: countOf(facts),
  };
}
