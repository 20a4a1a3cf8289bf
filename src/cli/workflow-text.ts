import { styleText } from "node:util";
import { isoTime } from "../core/runtime/system.ts";
import type { Failure, Operation } from "../workflows/facts.ts";
import { printable } from "./output.ts";
import type { ShownStatus, WaitView, WorkflowLine, WorkflowShow } from "./workflow.ts";

/** Characters that are shown of a value, or of a message. */
const textMax = 200;

/** Things that a workflow waits for, as `list` names them. */
const waitsMax = 3;

type Color = Parameters<typeof styleText>[0];
const colors: { readonly [S in ShownStatus]: Color } = {
  running: "green",
  completed: "dim",
  failed: "red",
  cancelled: "dim",
  stopped: "yellow",
  erased: "dim",
  unreadable: "red",
};

/** The lines of a workflow in `list`. */
export function* listed(line: WorkflowLine): Generator<string> {
  const { workflow, id, status, changed = "", run = 1, facts, waiting = [], failure } = line;
  const name = `${styleText("bold", workflow)} "${printable(id)}"`;
  const more = [...(facts === undefined ? [] : [count(facts, "fact")]), ...(run > 1 ? [`run ${run}`] : [])];
  yield `${styleText("dim", changed.padEnd(24))}  ${name}  ${styleText(colors[status], status)}${more.length > 0 ? `  ${more.join(", ")}` : ""}`;
  if (line.lacksVersion) yield `      ${lacks(line)}`;
  if (failure) yield `      ${failed(failure)}`;
  for (const wait of waiting.slice(0, waitsMax)) yield `      waits for ${waits(wait)}`;
  if (waiting.length > waitsMax) yield `      and for ${waiting.length - waitsMax} more`;
}

/** All of a workflow, as `show` prints it. */
export function* shown(show: WorkflowShow): Generator<string> {
  const { workflow, id, status, version, run, began, changed, parent, input, output, failure, waiting = [] } = show;
  yield field("workflow", workflow);
  yield field("id", printable(id));
  yield field("status", styleText(colors[status], status));
  if (version !== undefined) yield field("version", String(version));
  if (show.lacksVersion) yield field("", lacks(show));
  if (show.deadLetter) yield field("stuck", stuck(show.deadLetter));
  if (run !== undefined) yield field("run", `${run}, began ${began}`);
  if (changed !== undefined) yield field("changed", changed);
  if (parent) yield field("child of", `${parent.workflow} "${printable(parent.id)}"`);
  if (input !== undefined) yield field("input", value(input));
  if (output !== undefined) yield field("output", value(output));
  if (failure) yield field("failure", `${styleText("yellow", printable(failure.code))}: ${printable(failure.message)}`);
  for (const wait of waiting) yield field("waits for", waits(wait));
  if (show.history && show.history.length > 0) yield "";
  yield* historyOf(show);
}

function* historyOf({ history = [] }: WorkflowShow): Generator<string> {
  // A fact that time is over has only the number.
  const known = new Map<number, Operation>();
  for (const { time, fact } of history) {
    if ("kind" in fact) known.set(fact.n, fact);
    const n = "n" in fact ? String(fact.n) : "";
    yield `${n.padStart(5)} ${styleText("dim", time)}  ${described(fact, known)}`;
  }
}

function described(
  fact: NonNullable<WorkflowShow["history"]>[number]["fact"],
  known: ReadonlyMap<number, Operation>,
): string {
  switch (fact.is) {
    case "began": {
      const child = fact.child === undefined ? "" : ` "${printable(fact.child)}"`;
      return `${operation(fact)}${child} began${fact.due === undefined ? "" : `, until ${isoTime(fact.due)}`}`;
    }
    case "failed":
      return `${operation(fact)} failed, attempt ${fact.attempts}, the next at ${isoTime(fact.due)}: ${failed(fact.failure)}`;
    case "done":
      if (fact.failure) return `${operation(fact)} ${styleText("yellow", "failed")}: ${failed(fact.failure)}`;
      return `${operation(fact)} ${styleText("green", "done")}${fact.value === undefined ? "" : ` ${value(fact.value)}`}`;
    case "woke": {
      const what = known.get(fact.n);
      if (!what) return "time is over";
      return `${operation(what)} ${what.kind === "run" ? "is tried again" : what.kind === "until" ? "timed out" : "is over"}`;
    }
    case "signalled":
      return `${styleText("cyan", `signal ${printable(fact.name)}`)}${fact.data === undefined ? "" : ` ${value(fact.data)}`}`;
    case "cancelled":
      return `${styleText("yellow", "cancelled")}: ${failed(fact.failure)}`;
  }
}

/** `run pay`; a name is whatever the workflow's code says. */
function operation({ kind, name }: Pick<Operation, "kind" | "name">): string {
  return kind === "sleep" ? "sleep" : `${kind} ${printable(oneLine(name))}`;
}

function waits({ kind, name, due }: WaitView): string {
  const text = printable(oneLine(name));
  if (kind === "run")
    return `${styleText("bold", `run ${text}`)}, to be tried again${due === undefined ? "" : ` at ${due}`}`;
  const what = kind === "until" ? `signal ${text}` : kind === "sleep" ? "its time" : `${kind} ${text}`;
  return `${styleText("bold", what)}${due === undefined ? "" : ` until ${due}`}`;
}

function lacks({ version }: WorkflowLine): string {
  return styleText("yellow", `its version ${version} is not in the app: nobody goes on with it`);
}

function stuck({ id, ...reason }: NonNullable<WorkflowShow["deadLetter"]>): string {
  return `it is a dead letter (${failed(reason)}): holdfast dead-letters redrive ${id}`;
}

function failed({ code, message }: Failure): string {
  return `${styleText("yellow", printable(code))}: ${shortened(printable(oneLine(message)))}`;
}

function value(json: unknown): string {
  return styleText("dim", shortened(printable(JSON.stringify(json))));
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= textMax ? text : `${characters.slice(0, textMax).join("")}...`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function field(name: string, text: string): string {
  return `${styleText("dim", name.padEnd(10))} ${text}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
