import type { AnyDecideContext, CommandDefinition, EntityDefinition } from "../../core/entity/definition.ts";
import type { JsonValue } from "../../core/json.ts";
import type { Entry } from "../../core/journal/format.ts";
import { systemPrincipal } from "../../core/runtime/authorize.ts";
import { decideCommand, type Decided } from "../../core/runtime/decide.ts";
import type { CommandItem, CommandRequest } from "../../core/runtime/requests.ts";

/** What `decide` made of a request, and what it looked at that cannot be told from here. */
export interface Judged {
  readonly decided: Decided;
  /** It has asked for the time. */
  readonly usesTime: boolean;
  /** It has made ids. */
  readonly usesIds: boolean;
}

/** What `decide` makes of a request in a state; `refused`: nothing, its input is none; `unknown`: that cannot be told. */
export type Judgement = Judged | "refused" | "unknown";

type Validated = { readonly value: unknown } | "refused" | "unknown";

const validated = new WeakMap<CommandDefinition, WeakMap<CommandRequest, Validated>>();
const watched = new WeakMap<CommandDefinition, CommandDefinition>();
/** Whether the decision under way has asked for the time. */
let usesTime = false;

/** Decides a request as if nothing else happened. */
export function judge(
  definition: EntityDefinition,
  request: CommandRequest,
  at: { readonly state: unknown; readonly version: number; readonly now: number },
): Judgement {
  const command = definition.commands.get(request.command);
  if (!command) return "unknown";
  const input = inputOf(command, request);
  if (input === "refused" || input === "unknown") return input;
  // What was prepared is not known here.
  if (command.prepare) return "unknown";
  const { key, keyOrigin: origin = "foreign" } = request;
  const item: CommandItem = {
    kind: "command",
    command: watch(command),
    // Checked when it was run.
    rawInput: request.input as JsonValue,
    validated: input,
    // What is kept under it is compared; itself it is not.
    key: key === undefined ? undefined : { text: key, origin, born: undefined, hash: "" },
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
  const { state, version, now } = at;
  let ids = 0;
  usesTime = false;
  try {
    const standing = { definition, id: request.id, state: state as JsonValue, version, now };
    const decided = decideCommand(item, standing, () => String(++ids).padStart(20, "0"));
    // One is the entry's own.
    return { decided, usesTime, usesIds: ids > (decided.entry ? 1 : 0) };
  } catch {
    return "unknown";
  }
}

/** Whether the command's schema takes the request's input, as far as that can be told from here. */
export function isValid(command: CommandDefinition, request: CommandRequest): boolean {
  if (!command.input) return request.input === undefined;
  const input = inputOf(command, request);
  return input !== "refused" && input !== "unknown";
}

function inputOf(command: CommandDefinition, request: CommandRequest): Validated {
  let known = validated.get(command);
  if (!known) validated.set(command, (known = new WeakMap<CommandRequest, Validated>()));
  let input = known.get(request);
  if (input === undefined) known.set(request, (input = validate(command, request)));
  return input;
}

function validate({ input }: CommandDefinition, request: CommandRequest): Validated {
  if (!input) return { value: undefined };
  const result = input["~standard"].validate(request.input);
  if (result instanceof Promise) return "unknown";
  return result.issues ? "refused" : result;
}

/** The command, whose `decide` is seen to ask for the time. */
function watch(command: CommandDefinition): CommandDefinition {
  let found = watched.get(command);
  if (!found) {
    const decide: CommandDefinition["decide"] = (state, input, context) =>
      command.decide(state, input, new Proxy(context, { get }));
    watched.set(command, (found = { ...command, decide }));
  }
  return found;
}

function get(context: AnyDecideContext, name: string | symbol): unknown {
  if (name === "now") usesTime = true;
  return Reflect.get(context, name);
}

/** What of a decision is stored, or told. */
export function essenceOf({ entry, reply, rejection }: Decided): string {
  return JSON.stringify([entry?.events, entry?.messages, entry?.timers, reply, rejection?.code]);
}

/** The same of what is stored. */
export function essenceStored({ events, messages, timers, reply, rejected }: Entry): string {
  return JSON.stringify([events, messages, timers, reply, rejected?.code]);
}
