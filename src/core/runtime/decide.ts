import { made, madeBy, type Accepted, type Decision, type NewEvent, type Rejection } from "../entity/decision.ts";
import type { AnyDecideContext, EntityDefinition } from "../entity/definition.ts";
import { checkId } from "../entity/names.ts";
import type { Due, EntityRef, EntitySpec, Sender } from "../entity/types.ts";
import { HoldfastError, internalError } from "../errors.ts";
import { checkInput, normalise, type JsonValue } from "../json.ts";
import type { Entry, StoredEvent, StoredMessage, StoredTimer } from "../journal/format.ts";
import { evolve } from "./live.ts";
import type { CommandItem } from "./requests.ts";

/** The entity as a command finds it: the durable state, or the state behind earlier members of its group. */
export interface Standing {
  readonly definition: EntityDefinition;
  readonly id: string;
  readonly state: JsonValue;
  readonly version: number;
  readonly now: number;
}

export interface Decided {
  /** To be stored; absent: the command leaves nothing behind. */
  readonly entry: Entry | undefined;
  readonly state: JsonValue;
  readonly version: number;
  readonly reply: JsonValue | undefined;
  readonly rejection: Rejection | undefined;
}

/**
 * Runs `decide` and folds what it wants to store, without any effect outside.
 * Whatever the user's code throws or wrongly returns becomes `internal`; the details stay in `cause`, for the log.
 */
export function decideCommand(item: CommandItem, standing: Standing, newId: () => string): Decided {
  const { definition, version, now } = standing;
  // A timer that has fired is pending no longer, also where the command is rejected; the command may set it anew.
  const fired: readonly StoredTimer[] = item.timer ? [{ name: item.timer.name }] : [];
  const collected: { messages: StoredMessage[]; timers: StoredTimer[] } = { messages: [], timers: [...fired] };
  try {
    const context = decideContext(item, standing, newId, collected);
    // The declaration has tied the input's type to the schema that made the value.
    const input = (item.validated as { readonly value: unknown }).value;
    const decision = readDecision(definition, item.command.decide(standing.state, input, context));
    if (decision[made] === "rejection") {
      const isRemembered = item.key && (item.command.remember || item.key.origin === "derived");
      const { code, message, status } = decision;
      const rejected = { code, message, ...(status === 409 ? {} : { status }) };
      const entry =
        isRemembered || item.command.audit
          ? createEntry(isRemembered ? item : { ...item, key: undefined, fingerprint: undefined }, now, newId(), {
              rejected,
              ...(item.timer && { timers: fired }),
            })
          : undefined;
      return { entry, state: standing.state, version, reply: undefined, rejection: decision };
    }
    let state = standing.state;
    let count = version;
    const events: StoredEvent[] = [];
    for (const event of decision.events) {
      const shape = definition.events.get(event.type)?.version ?? 1;
      const data = normalise(event.data, `the data of ${event.type}`);
      const stored: StoredEvent = shape === 1 ? { type: event.type, data } : { type: event.type, v: shape, data };
      state = evolve(definition, state, stored, { time: now, version: ++count });
      events.push(stored);
    }
    const reply = decision.reply === undefined ? undefined : normalise(decision.reply, "the reply");
    const { messages, timers } = collected;
    const effects = events.length + messages.length + timers.length > 0;
    const keep = effects || (item.key && (item.command.remember || item.key.origin === "derived"));
    const entry = keep
      ? createEntry(item, now, newId(), {
          ...(events.length > 0 && { events }),
          ...(reply !== undefined && { reply }),
          ...(messages.length > 0 && { messages }),
          ...(timers.length > 0 && { timers }),
        })
      : undefined;
    return { entry, state, version: count, reply, rejection: undefined };
  } catch (cause) {
    throw internalError(`${definition.name}.${item.command.name}`, cause);
  }
}

function createEntry(item: CommandItem, now: number, id: string, effects: Partial<Entry>): Entry {
  const { key, fingerprint, context, principal } = item;
  return {
    id,
    command: item.command.name,
    ...(key && { key: key.hash }),
    ...(key?.origin === "derived" && { derived: true }),
    ...(key?.born !== undefined && key.born > now && { born: key.born }),
    ...(fingerprint !== undefined && { fp: fingerprint }),
    ...effects,
    ...(context.correlation !== undefined && { correlation: context.correlation }),
    ...(context.causation !== undefined && { causation: context.causation }),
    ...(context.trace !== undefined && { trace: context.trace }),
    ...(principal.kind !== "anonymous" && { principal: principal.id }),
  };
}

function readDecision(definition: EntityDefinition, decision: Decision): Accepted | Rejection {
  const kind = madeBy(decision);
  if (kind === "rejection") return decision as Rejection;
  // Narrowed by `madeBy`; an array has no mark of its own.
  const accepted: Accepted =
    kind === "accepted" ? (decision as Accepted) : { [made]: "accepted", events: eventsOf(decision), reply: undefined };
  for (const event of accepted.events) {
    if (madeBy(event) === "event" && definition.events.has(event.type)) continue;
    throw new HoldfastError("invalid-decision", `decide returned an event that events.<type>(...) has not made.`);
  }
  return accepted;
}

function eventsOf(decision: unknown): readonly NewEvent[] {
  if (madeBy(decision) === "event") return [decision as NewEvent];
  if (Array.isArray(decision)) return decision as readonly NewEvent[];
  // Nobody waits for it: if it fails too, that must not end the process.
  if (decision instanceof Promise) decision.catch(() => {});
  const found =
    decision instanceof Promise ? "a promise; it must be synchronous, I/O belongs into prepare" : typeof decision;
  throw new HoldfastError("invalid-decision", `decide must return events, accept(...) or reject(...), not ${found}.`);
}

function decideContext(
  item: CommandItem,
  standing: Standing,
  newId: () => string,
  collected: { readonly messages: StoredMessage[]; readonly timers: StoredTimer[] },
): AnyDecideContext {
  const { definition, now } = standing;
  return {
    events: definition.makers,
    id: standing.id,
    version: standing.version,
    now,
    newId,
    principal: item.principal,
    prepared: typeof item.prepared === "object" ? item.prepared.value : undefined,
    send: <S extends EntitySpec>(entity: EntityRef<S>, id: string) => {
      checkId(id);
      return sender<Sender<S>>(entity.definition, (command, input) => {
        collected.messages.push({ entity: entity.name, id, command, ...(input !== undefined && { input }) });
      });
    },
    schedule: (name, due) => {
      checkTimerName(name);
      const at = dueAt(due, now);
      return sender(definition, (command, input) => {
        collected.timers.push({ name, at, command, ...(input !== undefined && { input }) });
      });
    },
    cancel: (name) => {
      checkTimerName(name);
      collected.timers.push({ name });
    },
  };
}

/** An object whose methods are the entity's commands; each hands its input, a JSON value, to `take`. */
function sender<S>(definition: EntityDefinition, take: (command: string, input: JsonValue | undefined) => void): S {
  const target = {};
  // A proxy has the methods that its handler says it has: those of S.
  return new Proxy(target, {
    get(_, command) {
      if (typeof command !== "string" || !definition.commands.has(command)) {
        throw new HoldfastError("invalid-decision", `Entity "${definition.name}" has no command "${String(command)}".`);
      }
      return (input?: unknown) => take(command, input === undefined ? undefined : checkInput(input));
    },
  }) as S;
}

function dueAt(due: Due, now: number): number {
  const at = "at" in due ? due.at : now + due.afterMs;
  // Past this a Date is not valid any more. Source: ECMA-262, time values.
  if (!Number.isFinite(at) || at < 0 || at > 8.64e15) {
    throw new HoldfastError("invalid-decision", `A timer is due at ${at}, which is no time.`);
  }
  return Math.round(at);
}

function checkTimerName(name: unknown): void {
  if (typeof name === "string" && /^[a-zA-Z][a-zA-Z0-9-]{0,39}$/.test(name)) return;
  throw new HoldfastError("invalid-decision", `The timer name ${JSON.stringify(name)} is not allowed.`);
}
