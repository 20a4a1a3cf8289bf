import { accept, reject, type Decision, type NewEvent } from "../entity/decision.ts";
import type { AnyDecideContext, CommandDefinition, EntityDefinition } from "../entity/definition.ts";
import { declareEntity } from "../entity/entity.ts";
import { checkOptions, checkUnique, declarationError } from "../entity/names.ts";
import { isSchema, type Schema } from "../entity/schema.ts";
import type { EventDeclarations, EventMeta, LiteralHint, VersionedEvent } from "../entity/types.ts";
import { HoldfastError } from "../errors.ts";
import type { MachineState, MachineTable, MachineTransition } from "./table.ts";
import type {
  Duration,
  Machine,
  MachineOptions,
  MachineSpec,
  Passage,
  Standing,
  StateOptions,
  Transition,
} from "./types.ts";

/** Of a machine, types erased: the declaration has tied them together. */
type AnyTransition = Transition<string, unknown, unknown>;
type AnyState = StateOptions<string, EventDeclarations, unknown>;
type AnyOptions = MachineOptions<string, EventDeclarations, unknown, unknown>;
type AnyStanding = Standing;

const optionNames: ReadonlySet<string> = new Set([
  "initial",
  "data",
  "events",
  "evolve",
  "states",
  "view",
  "authorize",
  "history",
  "snapshotEvery",
  "revision",
  "audit",
]);
const stateOptionNames: ReadonlySet<string> = new Set(["on", "timeout", "entry", "final"]);
const transitionOptionNames: ReadonlySet<string> = new Set(["to", "guard"]);

/** The event, the command and the timer of a state that has lasted for too long. */
const timedOut = "timedOut";

/** The longest that a state may last, milliseconds. */
const timeoutMaxMs = 10 * 366 * 86_400_000;

const stateName = /^[a-zA-Z][a-zA-Z0-9_-]{0,39}$/;

/**
 * Declares a state machine: an entity whose state is where it is and what it knows, with a command and an event for each
 * thing that can happen to it. The table is fixed: what is not in it is refused.
 * @throws HoldfastError `invalid-declaration`
 */
export function declareMachine<
  const Name extends string,
  const State extends string,
  Data = LiteralHint,
  const E extends EventDeclarations = EventDeclarations,
  View = Standing<State, Data>,
>(name: Name, options: MachineOptions<State, E, Data, View>): Machine<MachineSpec<Name, State, E, Data, View>> {
  // The types are in the signature; inside, they are only passed on.
  const erased = options as unknown as AnyOptions;
  const what = `machine "${name}"`;
  checkOptions(what, options, optionNames);
  const { initial, data, evolve = {}, view, audit = false, states, events: declared, ...others } = erased;
  if (typeof data !== "function") throw declarationError(`The ${what} needs data: () => what it knows at first.`);
  const table = tableOf(what, erased);
  const hasTimeouts = [...table.states.values()].some(({ timeout }) => timeout !== undefined);
  const types = Object.keys(declared ?? {});
  checkUnique(`Event of ${what}`, [...types, timedOut]);
  for (const type of Object.keys(evolve)) {
    if (!types.includes(type)) throw declarationError(`The ${what} evolves "${type}" but declares no such event.`);
  }

  function fold(type: string): (standing: AnyStanding, event: unknown, meta: EventMeta) => AnyStanding {
    const change = evolve[type] as ((data: unknown, event: unknown, meta: EventMeta) => unknown) | undefined;
    return (standing, event, meta) => ({
      // Every event of a machine is made by `pass`.
      state: (event as Passage).toState,
      data: change ? change(standing.data, event, meta) : standing.data,
    });
  }

  const all = [...types, ...(hasTimeouts ? [timedOut] : [])];
  let machine: AnyEntity = declareEntity(name, {
    ...others,
    initial: () => ({ state: initial, data: data() }),
    events: Object.fromEntries(all.map((type) => [type, stored(declared[type])])),
    evolve: Object.fromEntries(all.map((type) => [type, fold(type)])),
    ...(view !== undefined && { view: view as never }),
  }) as unknown as AnyEntity;

  /** Goes on to a state: the old one's timer is gone, the new one's is set, and its entry action runs. */
  function pass(
    type: string,
    { state, data }: AnyStanding,
    input: object,
    to: string | undefined,
    context: AnyDecideContext,
  ): Decision {
    const { id, now, version, send, newId, schedule, cancel, events } = context;
    const passage: Passage = { fromState: state, toState: to ?? state };
    const event = events[type]?.({ ...input, ...passage }) as NewEvent;
    if (to === undefined) return accept([event], { reply: { state } });
    if (table.states.get(state)?.timeout) cancel(timedOut);
    const timeout = table.states.get(to)?.timeout;
    if (timeout) schedule(timedOut, { afterMs: timeout.afterMs })[timedOut]?.();
    const next = fold(type)({ state, data }, event.data, { time: now, version: version + 1 });
    states[to]?.entry?.(next.data, { send, id, now, newId });
    return accept([event], { reply: { state: to } });
  }

  for (const type of types) {
    const transitions = new Map(Object.keys(states).map((state) => [state, transitionsOf(states[state], type)]));
    machine = machine.command(type, {
      input: schemaOf(declared[type]),
      decide(standing, input, context) {
        const { id, now, principal } = context;
        const candidates = transitions.get(standing.state) ?? [];
        checkInput(name, type, input);
        const found = candidates.find(({ guard }) => !guard || guard(standing.data, input, { id, now, principal }));
        if (found) return pass(type, standing, input, found.to, context);
        return refused(name, id, standing.state, type, table, candidates.length > 0);
      },
    });
  }
  if (hasTimeouts) {
    machine = machine.command(timedOut, {
      decide(standing, _input, context) {
        const timeout = table.states.get(standing.state)?.timeout;
        return timeout ? pass(timedOut, standing, {}, timeout.to, context) : [];
      },
    });
  }
  const { definition } = machine;
  const commands = new Map(
    [...definition.commands].map(([command, one]): [string, CommandDefinition] => [
      command,
      { ...one, audit, ...(command === timedOut && { internal: true }) },
    ]),
  );
  // What was just made, with what it is made of.
  return { ...machine, definition: { ...definition, commands, machine: table } } as unknown as Machine<
    MachineSpec<Name, State, E, Data, View>
  >;
}

/** An entity whose types nobody knows. */
interface AnyEntity {
  readonly definition: EntityDefinition;
  command(
    name: string,
    options: {
      readonly input?: Schema;
      readonly decide: (standing: AnyStanding, input: object, context: AnyDecideContext) => Decision;
    },
  ): AnyEntity;
}

/** What was stored has been checked as the command's input: nothing is checked twice, or shaped twice. */
function stored(declared: Schema | VersionedEvent | undefined): Schema | VersionedEvent {
  const schema: Schema = { "~standard": { version: 1, vendor: "holdfast", validate: (value) => ({ value }) } };
  return declared === undefined || isSchema(declared) ? schema : { ...declared, schema };
}

function schemaOf(declared: Schema | VersionedEvent | undefined): Schema {
  // Checked when the entity was declared.
  return (isSchema(declared) ? declared : declared?.schema) as Schema;
}

function checkInput(name: string, type: string, input: unknown): asserts input is object {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (isObject && !("fromState" in input) && !("toState" in input)) return;
  throw new HoldfastError(
    "invalid-decision",
    `Event "${name}.${type}" must be sent with an object that has no fromState and no toState of its own.`,
  );
}

function refused(
  name: string,
  id: string,
  state: string,
  type: string,
  { states }: MachineTable,
  isGuarded: boolean,
): Decision {
  const where = `${name} "${id}" is in state "${state}"`;
  if (isGuarded) return reject("guard-refused", `${where}, where no guard lets "${type}" through.`);
  const legal = [...new Set(states.get(state)?.transitions.map(({ event }) => event))];
  const others =
    legal.length === 0 ? "nothing is any more" : `${legal.join(", ")} ${legal.length === 1 ? "is" : "are"}`;
  return reject("illegal-transition", `${where}, where "${type}" is not possible; ${others}.`);
}

function transitionsOf(options: AnyState | undefined, type: string): readonly AnyTransition[] {
  const given = options?.on?.[type];
  if (given === undefined) return [];
  if (typeof given === "string") return [{ to: given }];
  // Array.isArray does not narrow readonly arrays.
  return Array.isArray(given) ? (given as readonly AnyTransition[]) : [given as AnyTransition];
}

function tableOf(what: string, { initial, states, events }: AnyOptions): MachineTable {
  const names = Object.keys(states ?? {});
  if (names.length === 0) throw declarationError(`The ${what} has no states.`);
  checkUnique(`State of ${what}`, names);
  const known = (state: unknown, where: string): string => {
    if (typeof state === "string" && names.includes(state)) return state;
    throw declarationError(`${where} of ${what} is ${JSON.stringify(state)}; its states are ${names.join(", ")}.`);
  };
  const table = new Map(
    names.map((name): [string, MachineState] => {
      if (!stateName.test(name)) {
        throw declarationError(
          `State ${JSON.stringify(name)} of ${what} is not allowed: a letter, then up to 39 letters, digits, _ or -.`,
        );
      }
      const options = states[name];
      const where = `state "${name}" of ${what}`;
      checkOptions(where, options ?? {}, stateOptionNames);
      const transitions = Object.keys(options?.on ?? {}).flatMap((event): readonly MachineTransition[] => {
        if (!Object.hasOwn(events ?? {}, event)) {
          throw declarationError(`${where} has transitions for "${event}", which is none of its events.`);
        }
        const found = transitionsOf(options, event);
        if (found.length === 0) throw declarationError(`${where} has no transition for "${event}".`);
        return found.map(({ to, guard, ...rest }, i) => {
          checkOptions(`a transition for "${event}" in ${where}`, { to, guard, ...rest }, transitionOptionNames);
          if (guard === undefined && i < found.length - 1) {
            throw declarationError(`Behind a transition without a guard none is reached: "${event}" in ${where}.`);
          }
          return {
            event,
            to: to === undefined ? undefined : known(to, `A target of "${event}" in "${name}"`),
            guarded: guard !== undefined,
          };
        });
      });
      const { timeout, final = false } = options ?? {};
      if (final && (transitions.length > 0 || timeout)) {
        throw declarationError(`The ${where} is final, but something leads out of it.`);
      }
      if (!final && transitions.length === 0 && !timeout) {
        throw declarationError(`Nothing leads out of the ${where}: say final: true.`);
      }
      return [
        name,
        {
          transitions,
          timeout: timeout && {
            afterMs: millisecondsOf(`timeout of ${where}`, timeout.after),
            to: known(timeout.to, `The timeout of "${name}"`),
          },
          final,
        },
      ];
    }),
  );
  return { initial: known(initial, "initial"), states: table };
}

/** @throws HoldfastError `invalid-declaration` for what is no duration, or longer than ten years */
export function millisecondsOf(what: string, duration: Duration): number {
  const units: Readonly<Record<keyof Duration, number>> = {
    days: 86_400_000,
    hours: 3_600_000,
    minutes: 60_000,
    seconds: 1_000,
    ms: 1,
  };
  let sum = 0;
  for (const [unit, count] of Object.entries(duration ?? {})) {
    if (!(unit in units) || typeof count !== "number") {
      throw declarationError(`The ${what} has "${unit}"; it is a sum of ${Object.keys(units).join(", ")}.`);
    }
    sum += count * units[unit as keyof Duration];
  }
  if (Number.isSafeInteger(sum) && sum >= 1 && sum <= timeoutMaxMs) return sum;
  throw declarationError(`The ${what} is ${sum} ms; it has to be whole milliseconds, from 1 to ten years.`);
}
