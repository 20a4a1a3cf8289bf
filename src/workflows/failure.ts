import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import type { Failure, Operation } from "./facts.ts";

/** What the code of a workflow hears of it. */
export function errorOf({ code, message }: Failure): HoldfastError {
  return new HoldfastError(code, message);
}

/** What was thrown, as it is stored: of an error that is no HoldfastError its name is the code. */
export function failureOf(error: unknown, fallback: string): Failure {
  if (isHoldfastError(error)) return { code: error.code.slice(0, 64), message: cut(error.message) };
  if (error instanceof Error) return { code: fallback, message: cut(`${error.name}: ${error.message}`) };
  return { code: fallback, message: `Something that is no error was thrown: ${textOf(error).slice(0, 200)}` };
}

/** Characters of a failure's text that are stored. */
const messageMax = 1_000;

function cut(text: string): string {
  return text.length <= messageMax ? text : `${text.slice(0, messageMax - 1)}…`.toWellFormed();
}

function textOf(thrown: unknown): string {
  try {
    return typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown);
  } catch {
    return "an object";
  }
}

/** A workflow's code does not do what it did before; with both histories. */
export function notDeterministic({
  name,
  id,
  operation,
  own,
  stored,
  operations,
}: {
  readonly name: string;
  readonly id: string;
  readonly operation: Operation;
  readonly own: Operation | undefined;
  readonly stored: readonly Operation[];
  readonly operations: readonly Operation[];
}): HoldfastError {
  return new HoldfastError(
    "workflow-not-deterministic",
    `Workflow ${name} "${id}" does not do what it did before: operation ${operation.n} was ${describe(operation)}, and is ${own ? describe(own) : "not there"}. Then: ${listed(stored)}. Now: ${listed(operations)}. Keep earlier versions of a workflow's code for those that are under way (version, earlier), and take time, chance and what is outside from its context.`,
  );
}

function describe({ kind, name }: Operation): string {
  return `${kind} "${name}"`;
}

function listed(operations: readonly Operation[]): string {
  const last = operations.slice(-10).map((one) => `${one.n} ${describe(one)}`);
  return `${operations.length > 10 ? "..., " : ""}${last.join(", ") || "nothing"}`;
}
