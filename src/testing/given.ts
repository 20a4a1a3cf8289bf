import { deepStrictEqual, fail, strictEqual } from "node:assert/strict";
import type { CommandSpec, EntityRef, EntitySpec, InputArguments, Principal } from "../core/entity/types.ts";
import { validate } from "../core/entity/schema.ts";
import { checkInput, normalise } from "../core/json.ts";
import type { StoredEvent, StoredMessage, StoredTimer } from "../core/journal/format.ts";
import { decideCommand, type Decided } from "../core/runtime/decide.ts";
import { evolve, initialState } from "../core/runtime/live.ts";
import { systemPrincipal } from "../core/runtime/runtime.ts";
import { createVirtualSystem } from "./virtual-system.ts";

/** An event in a specification: its type and data. */
export type EventOf<S extends EntitySpec> = {
  readonly [T in keyof S["events"] & string]: { readonly type: T; readonly data: S["events"][T] };
}[keyof S["events"] & string];

type CommandOf<S extends EntitySpec, N extends keyof S["commands"]> = S["commands"][N] & CommandSpec;

/** What a command should lead to; what is left out is not looked at. */
export interface Expected<S extends EntitySpec, C extends CommandSpec> {
  readonly events?: readonly EventOf<S>[];
  readonly reply?: C["reply"];
  readonly rejected?: C["codes"] | { readonly code: C["codes"]; readonly message: string };
  readonly messages?: readonly StoredMessage[];
  readonly timers?: readonly StoredTimer[];
  readonly state?: S["state"];
}

export interface WhenOptions {
  readonly id?: string;
  /** Epoch milliseconds. */
  readonly now?: number;
  readonly principal?: Principal;
  /** What `prepare` would have returned. */
  readonly prepared?: unknown;
}

export interface When<S extends EntitySpec, C extends CommandSpec> {
  /** Asserts events (a list), or any part of the outcome. Throws an AssertionError where it differs. */
  then(expected: readonly EventOf<S>[] | Expected<S, C>): void;
}

export interface Given<S extends EntitySpec> {
  when<N extends keyof S["commands"] & string>(
    command: N,
    ...rest: [...input: InputArguments<CommandOf<S, N>["input"]>, options?: WhenOptions]
  ): When<S, CommandOf<S, N>>;
}

/**
 * Specifies an entity without any I/O: `given(cart, ...events).when("addItem", input).then([...])`.
 * The events are folded, the command is checked by its schema and decided, by the production code.
 */
export function given<S extends EntitySpec>(entity: EntityRef<S>, ...events: readonly EventOf<S>[]): Given<S> {
  const { definition } = entity;
  return {
    when(name, ...rest) {
      const command = definition.commands.get(name) ?? fail(`${definition.name} has no command "${name}"`);
      // What the types say of the rest: an input where the command has one, then the options.
      const given: readonly unknown[] = command.input ? rest : [undefined, ...rest];
      const input = given[0];
      const options = (given[1] ?? {}) as WhenOptions;
      const system = createVirtualSystem(options.now === undefined ? {} : { now: options.now });
      let state = initialState(definition);
      for (const [i, { type, data }] of events.entries()) {
        const stored: StoredEvent = {
          type,
          v: definition.events.get(type)?.version ?? 1,
          data: normalise(data, `the data of ${type}`),
        };
        state = evolve(definition, state, stored, { time: system.now(), version: i + 1 });
      }
      const rawInput = input === undefined ? undefined : checkInput(input);
      const validated = command.input ? validate(command.input, rawInput) : { value: undefined };
      if (validated instanceof Promise) fail(`the input schema of "${name}" is asynchronous`);
      if (validated.issues) fail(`the input of "${name}" is not valid: ${validated.issues[0]?.message}`);
      const decided = decideCommand(
        {
          kind: "command",
          command,
          rawInput,
          validated,
          key: undefined,
          fingerprint: undefined,
          expectedVersion: undefined,
          principal: options.principal ?? systemPrincipal,
          deadline: Number.POSITIVE_INFINITY,
          context: {},
          timer: undefined,
          span: undefined,
          standing: undefined,
          prepared: { value: options.prepared },
          resolve: () => {},
          reject: () => {},
        },
        { definition, id: options.id ?? "test", state, version: events.length, now: system.now() },
        system.newId,
      );
      // oxlint-disable-next-line unicorn/no-thenable -- given, when, then: nobody awaits it
      return { then: (expected) => compare(decided, expected) };
    },
  };
}

function compare<S extends EntitySpec, C extends CommandSpec>(
  decided: Decided,
  expected: readonly EventOf<S>[] | Expected<S, C>,
): void {
  const { rejection, entry } = decided;
  // Array.isArray does not narrow readonly arrays.
  const parts: Expected<S, C> = Array.isArray(expected) ? { events: expected } : (expected as Expected<S, C>);
  if (parts.rejected === undefined && rejection) fail(`it was rejected with "${rejection.code}": ${rejection.message}`);
  if (parts.rejected !== undefined) {
    if (!rejection) fail(`it was accepted, not rejected`);
    const { code, message } = rejection;
    if (typeof parts.rejected === "string") strictEqual(code, parts.rejected);
    else deepStrictEqual({ code, message }, parts.rejected);
  }
  if (parts.events) {
    deepStrictEqual(
      (entry?.events ?? []).map(({ type, data }) => ({ type, data })),
      parts.events.map(({ type, data }) => ({ type, data: normalise(data, type) })),
    );
  }
  if ("reply" in parts) deepStrictEqual(decided.reply, parts.reply);
  if (parts.messages) deepStrictEqual(entry?.messages ?? [], parts.messages);
  if (parts.timers) deepStrictEqual(entry?.timers ?? [], parts.timers);
  if ("state" in parts) deepStrictEqual(decided.state, parts.state);
}
