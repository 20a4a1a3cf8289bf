import type { EntityRef, EntitySpec } from "holdfast";
import { decideCommand } from "../../src/core/runtime/decide.ts";
import { initialState } from "../../src/core/runtime/live.ts";
import { digest } from "../../src/core/journal/keys.ts";
import { systemPrincipal } from "../../src/core/runtime/runtime.ts";
import type { CommandDefinition } from "../../src/core/entity/definition.ts";
import type { StoredEvent, StoredMessage } from "../../src/core/journal/format.ts";
import type { JsonValue } from "../../src/core/json.ts";
import { app, order, stock } from "./reservations-app.ts";

// All orders in which a few orders' and stocks' messages can arrive and time-outs can fire: not some of them, all. The code
// that decides is the production's; what is between entities is two rules: what one entity sends, and what it reports, arrives in
// its order; a time-out that is pending may fire at any moment.

interface Stored {
  readonly state: JsonValue;
  readonly version: number;
  readonly timers: { readonly [name: string]: Omit<StoredMessage, "entity" | "id"> };
  /** What it has sent, and what of it is to be reported, each in its order. */
  readonly sends: readonly StoredMessage[];
  readonly reports: readonly StoredEvent[];
}

/** A moment: all entities, by `stock a`, and what may go wrong yet. */
export interface Moment {
  readonly entities: { readonly [name: string]: Stored };
  /** Messages that come a second time, sometime. */
  readonly stale: readonly StoredMessage[];
  readonly duplicates: number;
  /** Reports that are given up on. */
  readonly losses: number;
}

const refs = new Map<string, EntityRef<EntitySpec>>([
  ["stock", stock],
  ["order", order],
]);

/** Where nothing has happened yet: what clients send is under way. */
export function begin(
  messages: readonly StoredMessage[],
  capacity: number,
  faults: { readonly duplicates?: number; readonly losses?: number } = {},
): Moment {
  const stocks = ["a", "b"].map((id): [string, Stored] => {
    const initial = initialState(stock.definition) as object;
    return [`stock ${id}`, { ...nothing, state: { ...initial, capacity } as JsonValue }];
  });
  const clients = messages.map((message, i): [string, Stored] => [`client ${i}`, { ...nothing, sends: [message] }]);
  return { entities: Object.fromEntries([...stocks, ...clients]), stale: [], duplicates: 0, losses: 0, ...faults };
}

const nothing: Stored = { state: null, version: 0, timers: {}, sends: [], reports: [] };

/** Other code for some commands, `stock.cancel`: what finds nothing wrong with that is no check. */
export type Mutant = { readonly [command: string]: CommandDefinition["decide"] };

/** What can happen next, each with what is then; nothing where all has come to rest. */
function nextOf(moment: Moment, mutant: Mutant): readonly Moment[] {
  const deliver = (to: Moment, message: StoredMessage, timer?: string): Moment => decide(to, message, timer, mutant);
  const { entities, stale, duplicates, losses } = moment;
  const next: Moment[] = [];
  for (const [name, stored] of Object.entries(entities)) {
    const [message, ...sends] = stored.sends;
    if (message) {
      const sent = { ...moment, entities: { ...entities, [name]: { ...stored, sends } } };
      next.push(deliver(sent, message));
      if (duplicates > 0) {
        next.push(deliver({ ...sent, stale: [...stale, message], duplicates: duplicates - 1 }, message));
      }
    }
    const [event, ...reports] = stored.reports;
    if (event) {
      const reported = { ...moment, entities: { ...entities, [name]: { ...stored, reports } } };
      const call = reportOf(name, event);
      next.push(deliver(reported, call));
      if (losses > 0) next.push({ ...reported, losses: losses - 1 });
      if (duplicates > 0) {
        next.push(deliver({ ...reported, stale: [...stale, call], duplicates: duplicates - 1 }, call));
      }
    }
    for (const [timer, due] of Object.entries(stored.timers)) {
      const [entity = "", id = ""] = name.split(" ");
      next.push(deliver(moment, { entity, id, ...due }, timer));
    }
  }
  for (const [i, message] of stale.entries()) {
    next.push(deliver({ ...moment, stale: stale.toSpliced(i, 1) }, message));
  }
  return next;
}

function decide(moment: Moment, message: StoredMessage, timer: string | undefined, mutant: Mutant): Moment {
  const { entity, id, command, input } = message;
  const definition = refs.get(entity)?.definition;
  const found = definition?.commands.get(command);
  if (!definition || !found) throw new Error(`There is no ${entity}.${command}.`);
  const name = `${entity} ${id}`;
  const stored = moment.entities[name] ?? { ...nothing, state: initialState(definition) };
  const decided = decideCommand(
    {
      kind: "command",
      command: { ...found, decide: mutant[`${entity}.${command}`] ?? found.decide },
      rawInput: input,
      validated: { value: input },
      key: undefined,
      fingerprint: undefined,
      expectedVersion: undefined,
      principal: systemPrincipal,
      deadline: Number.POSITIVE_INFINITY,
      context: {},
      timer: timer === undefined ? undefined : { name: timer, generation: "" },
      span: undefined,
      standing: undefined,
      prepared: undefined,
      resolve: () => {},
      reject: () => {},
    },
    { definition, id, state: stored.state, version: stored.version, now: 0 },
    () => "id",
  );
  const timers = { ...stored.timers };
  for (const { name, at, command = "", input } of decided.entry?.timers ?? []) {
    if (at === undefined) delete timers[name];
    else timers[name] = { command, ...(input !== undefined && { input }) };
  }
  const after: Stored = {
    state: decided.state,
    version: decided.version,
    timers,
    sends: [...stored.sends, ...(decided.entry?.messages ?? [])],
    reports: [...stored.reports, ...(entity === "stock" ? (decided.entry?.events ?? []) : [])],
  };
  return { ...moment, entities: { ...moment.entities, [name]: after } };
}

/** The command that the subscription makes of a stock's event. */
function reportOf(name: string, { type, data }: StoredEvent): StoredMessage {
  const [, subject = ""] = name.split(" ");
  const calls: StoredMessage[] = [];
  const call = (entity: EntityRef<EntitySpec>, id: string) =>
    new Proxy(
      {},
      {
        get: (_, command: string) => async (input: JsonValue) =>
          void calls.push({ entity: entity.name, id, command, input }),
      },
    );
  const [subscription] = [...app.subscriptions.values()];
  // What the handler uses of them.
  void subscription?.handle(
    { type: `stock.${type}`, subject, data } as never,
    { call } as never,
    undefined as never,
    {},
  );
  const [made, ...others] = calls;
  if (!made || others.length > 0) throw new Error(`The report of ${type} is one call, not ${calls.length}.`);
  return made;
}

/** More would not fit into memory. */
const momentsMax = 150_000;

/** Every moment that can come, each once. Returns how many there were. */
export function explore(first: Moment, look: (moment: Moment, isRest: boolean) => void, mutant: Mutant = {}): number {
  const seen = new Set([digest(JSON.stringify(first))]);
  const open = [first];
  for (let moment = open.pop(); moment; moment = open.pop()) {
    const next = nextOf(moment, mutant);
    look(moment, next.length === 0);
    for (const one of next) {
      const text = digest(JSON.stringify(one));
      if (seen.has(text)) continue;
      seen.add(text);
      open.push(one);
    }
    if (seen.size > momentsMax) throw new Error(`There are more than ${momentsMax} moments.`);
  }
  return seen.size;
}
