import type { App } from "../core/app.ts";
import type { EntityDefinition, WorkflowParts } from "../core/entity/definition.ts";
import { isHoldfastError } from "../core/errors.ts";
import type { Journal } from "../core/journal/port.ts";
import { defaultLimits } from "../core/runtime/limits.ts";
import { loadLive } from "../core/runtime/live.ts";
import { isoTime } from "../core/runtime/system.ts";
import type { Failure, TimedFact } from "../workflows/facts.ts";
import type { WorkflowState } from "../workflows/state.ts";
import { CliError } from "./cli-error.ts";

/** Whatever may be shown of a workflow; the last two: its stream can be read no more. */
export type ShownStatus = Exclude<WorkflowState["status"], "none"> | "erased" | "unreadable";

/** An entity that is a workflow. */
export type WorkflowDefinition = EntityDefinition & { readonly workflow: WorkflowParts };

/** What a workflow waits for, as `--json` prints it. */
export interface WaitView {
  readonly n: number;
  readonly kind: string;
  readonly name: string;
  /** ISO 8601. */
  readonly due?: string;
}

/** A workflow, as `list --json` prints it. Times are ISO 8601. */
export interface WorkflowLine {
  readonly workflow: string;
  readonly id: string;
  readonly status: ShownStatus;
  readonly version?: number;
  /** The version of its code is not in the app: nobody goes on with it. */
  readonly lacksVersion?: true;
  readonly run?: number;
  /** Facts of this run. */
  readonly facts?: number;
  /** When something was stored of it last. */
  readonly changed?: string;
  readonly waiting?: readonly WaitView[];
  /** Why it failed, was cancelled, stopped, or cannot be read. */
  readonly failure?: Failure;
}

/** All of it, as `show --json` prints it. */
export interface WorkflowShow extends WorkflowLine {
  /** When this run began. */
  readonly began?: string;
  /** Its driver has given up: nothing goes on until this is put back. */
  readonly deadLetter?: Failure & { readonly id: number };
  readonly parent?: { readonly workflow: string; readonly id: string };
  readonly input?: unknown;
  readonly output?: unknown;
  /** Of this run. */
  readonly history?: readonly { readonly time: string; readonly fact: TimedFact["fact"] }[];
}

/** The workflows of an app. */
export function workflowsOf({ entities }: App): readonly WorkflowDefinition[] {
  return [...entities.values()].flatMap((definition) => {
    const { workflow } = definition;
    return workflow ? [{ ...definition, workflow }] : [];
  });
}

/** The workflow of that name. @throws CliError with those that there are */
export function workflowOf(app: App, name: string): WorkflowDefinition {
  const all = workflowsOf(app);
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const there = all.length === 0 ? "It has none." : `It has ${all.map((one) => one.name).join(", ")}.`;
  const what = app.entities.has(name)
    ? `Entity "${name}" is no workflow of the app.`
    : `The app has no workflow "${name}".`;
  throw new CliError(`${what} ${there}`, 2);
}

/** Of streams that cannot be read, and will not be by waiting. */
const unreadable: ReadonlySet<string> = new Set(["journal-corrupt", "unknown-event", "internal"]);

/** What is stored of a workflow; undefined: nothing. @throws HoldfastError of a store that cannot be reached */
export async function showOf(
  journal: Journal,
  definition: WorkflowDefinition,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<WorkflowShow | undefined> {
  const { name: entity } = definition;
  const of = { workflow: entity, id };
  try {
    const stream = { tenant, entity, id };
    const live = await loadLive(journal, definition, stream, Date.now(), defaultLimits.keys);
    if (live.sequence === 0) return undefined;
    const changed = isoTime(live.time);
    if (live.erased) return { ...of, status: "erased", changed };
    // What the workflow's entity folds.
    const state = live.state as unknown as WorkflowState;
    return state.status === "none" ? undefined : { ...of, ...contentOf(definition, state), changed };
  } catch (error) {
    if (isHoldfastError(error, "erased")) return { ...of, status: "erased" };
    if (!isHoldfastError(error) || !unreadable.has(error.code)) throw error;
    return { ...of, status: "unreadable", failure: { code: error.code, message: error.message } };
  }
}

function contentOf(
  { workflow: { versions } }: WorkflowDefinition,
  state: WorkflowState,
): Omit<WorkflowShow, "workflow" | "id" | "status"> & { readonly status: Exclude<WorkflowState["status"], "none"> } {
  const { status, version, run, at, parent, input, output, failure, waiting, facts } = state;
  const history = facts.flat().map(({ at, fact }) => ({ time: isoTime(at), fact }));
  const isOpen = status === "running" || status === "stopped";
  return {
    // Whoever calls has looked.
    status: status as Exclude<typeof status, "none">,
    version,
    ...(isOpen && !versions.includes(version) && { lacksVersion: true }),
    run,
    began: isoTime(at),
    ...(parent && { parent: { workflow: parent.workflow, id: parent.id } }),
    input,
    ...(output !== undefined && { output }),
    // Of one that was stopped and goes on it says why it was.
    ...(failure && status !== "running" && { failure }),
    facts: history.length,
    waiting: Object.entries(waiting).map(([n, { kind, name, due }]) => ({
      n: Number(n),
      kind,
      name,
      ...(due !== undefined && { due: isoTime(due) }),
    })),
    history,
  };
}

/** Without what only `show` shows. */
export function lineOf(show: WorkflowShow): WorkflowLine {
  const { began: _b, parent: _p, input: _i, output: _o, history: _h, deadLetter: _d, ...line } = show;
  return line;
}
