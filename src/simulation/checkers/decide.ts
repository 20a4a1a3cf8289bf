import type { EntityDefinition } from "../../core/entity/definition.ts";
import type { JsonValue } from "../../core/json.ts";
import { decideCommand, type Decided } from "../../core/runtime/decide.ts";
import type { CommandItem, CommandRequest } from "../../core/runtime/requests.ts";
import { systemPrincipal } from "../../core/runtime/authorize.ts";

/** What `decide` makes of a request in a state; `unknown` where that cannot be told from here. */
export type Judgement = Decided | "unknown";

const validated = new WeakMap<CommandRequest, { readonly value: unknown } | undefined>();

/** Decides a request as if nothing else happened. `newIds` tells two attempts apart that have different ids. */
export function judge(
  definition: EntityDefinition,
  request: CommandRequest,
  at: { readonly state: unknown; readonly version: number; readonly now: number; readonly newIds?: string },
): Judgement {
  const command = definition.commands.get(request.command);
  // What was prepared is not known here.
  if (!command || command.prepare) return "unknown";
  if (!validated.has(request)) {
    const result = command.input ? command.input["~standard"].validate(request.input) : { value: undefined };
    validated.set(request, result instanceof Promise || result.issues ? undefined : result);
  }
  const input = validated.get(request);
  if (input === undefined) return "unknown";
  const item: CommandItem = {
    kind: "command",
    command,
    // Checked when it was run.
    rawInput: request.input as JsonValue,
    validated: input,
    key: undefined,
    fingerprint: undefined,
    expectedVersion: undefined,
    principal: request.principal ?? systemPrincipal,
    deadline: Infinity,
    context: {},
    timer: request.timer,
    span: undefined,
    standing: undefined,
    prepared: undefined,
    resolve: () => {},
    reject: () => {},
  };
  const { state, version, now, newIds = "a" } = at;
  let count = 0;
  try {
    const standing = { definition, id: request.id, state: state as JsonValue, version, now };
    return decideCommand(item, standing, () => `${newIds}${++count}`.padStart(20, "0"));
  } catch {
    return "unknown";
  }
}

/** Whether `decide` says the same at any time and with any ids. */
export function isSettled(
  definition: EntityDefinition,
  request: CommandRequest,
  at: { readonly state: unknown; readonly version: number; readonly now: number },
): boolean {
  const one = judge(definition, request, at);
  const other = judge(definition, request, { ...at, now: at.now + 86_400_123, newIds: "b" });
  return one !== "unknown" && other !== "unknown" && essence(one) === essence(other);
}

/** What of a decision can be compared. */
export function essence(decided: Decided): string {
  const { entry, reply, rejection } = decided;
  return JSON.stringify([entry?.events, reply, rejection?.code]);
}
